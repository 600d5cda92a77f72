import type { ProblemName, Reply } from '../reply.ts';
import type { RequestHeaders } from '../route.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { HeldBytes } from './held-bytes.ts';
import type { DateField } from './response-head.ts';
import type { WriteBatch } from './write-batch.ts';

/** Bounds on every connection. */
export interface ConnectionSettings {
  readonly maxBodyBytes: number;
  /** Time for a client to send a whole request, headers and body. */
  readonly requestTimeoutMs: number;
  /** Time between requests after which a connection is closed. */
  readonly keepAliveMs: number;
  /** Time for a client to take what it was sent. */
  readonly writeTimeoutMs: number;
  /** After so many requests a connection is closed, so that its client may find another process. */
  readonly maxRequestsPerConnection: number;
  /** Requests that one HTTP/2 connection may have under way. */
  readonly maxStreams: number;
}

/** Why a connection was closed before its client had all that it asked for. */
export type DropReason =
  'incomplete' | 'malformed' | 'request-timeout' | 'write-timeout' | 'handshake' | 'flood' | 'too-many';

/** What a body that is on its way counts against, besides what all connections share. */
export interface BodyAccount {
  /** The refusal if a body of so many bytes is not taken. */
  readonly announce: (bytes: number) => Reply | undefined;
  /** Counts bytes that have arrived; the refusal if they do not fit. */
  readonly take: (bytes: number) => Reply | undefined;
  readonly giveBack: () => void;
}

/** What is known of a request before its body. */
export interface ReceivedHead {
  readonly path: string;
  readonly headers: RequestHeaders;
  readonly serverName: string | undefined;
}

/** What connections share. */
export interface ConnectionHost {
  readonly settings: ConnectionSettings;
  readonly dispatcher: Dispatcher;
  readonly held: HeldBytes;
  /** Called for bodies that have not arrived with their head. Undefined where nothing else bounds them. */
  readonly accountOf: (head: ReceivedHead) => BodyAccount | undefined;
  readonly date: DateField;
  readonly writes: WriteBatch;
  /** `connection: keep-alive` with the time that the client may rely on. */
  readonly keepAliveField: string;
  /** From now on every answer ends its connection. */
  readonly dismissing: boolean;
  /** `performance.now`. */
  readonly nowMs: () => number;
  readonly onRefused: (problem: ProblemName) => void;
  readonly onDropped: (reason: DropReason) => void;
  readonly onError: (error: unknown) => void;
  /** The connection is closed. */
  readonly forget: (connection: OpenConnection) => void;
}

/** A connection as its listener sees it. */
export interface OpenConnection {
  /** Closes it if its time is up. */
  readonly checkDeadline: (nowMs: number) => void;
  /** Tells an HTTP/2 client to go elsewhere with its next requests; an HTTP/1 client is told with its next answer. */
  readonly dismiss: () => void;
  /** Closes it where no request is under way; else it is closed after the answer, which the host's `dismissing` says. */
  readonly closeIfIdle: () => void;
  readonly destroy: () => void;
}
