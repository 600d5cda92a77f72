import type { IncomingHttpHeaders } from 'node:http2';
import type { GrpcFailure } from './status.ts';

/** What a method knows of the call that it answers. */
export interface GrpcCall {
  /** Metadata by lower-case name. */
  readonly metadata: IncomingHttpHeaders;
  /** Who asks, as authentication found it; undefined where callers are not authenticated. */
  readonly caller: string | undefined;
  /** Calls `listener` if the caller goes, or its deadline passes, before it has its answer. */
  readonly onGone: (listener: () => void) => void;
}

/** Bytes that stay free in front of an answer: the server writes the frame's head there. */
export const FRAME_HEAD_BYTES = 5;

/** An answer: the message behind {@link FRAME_HEAD_BYTES} free bytes. */
export type UnaryAnswer = Buffer | GrpcFailure;

/** One message in, one out. */
export interface UnaryMethod {
  readonly kind: 'unary';
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Label of metrics. */
  readonly label: GrpcMethodLabel;
  /** Answered to everybody, also where callers have to be known. */
  readonly isPublic?: boolean;
  /** A throw or a rejection is a bug: the caller gets INTERNAL, the log the error. */
  readonly handle: (message: Buffer, call: GrpcCall) => UnaryAnswer | Promise<UnaryAnswer>;
}

/** The writing side of a stream. */
export interface GrpcStream {
  /** Sends a message: {@link FRAME_HEAD_BYTES} free bytes and what follows. */
  readonly send: (message: Buffer) => void;
  /** Ends the call, with OK unless a failure is given. */
  readonly end: (failed?: GrpcFailure) => void;
  readonly onGone: (listener: () => void) => void;
}

/** What a stream does with what comes in. */
export interface StreamReader {
  readonly message: (message: Buffer) => void;
  /** The caller will send no more. */
  readonly ended: () => void;
}

/** Many messages in, many out. */
export interface StreamMethod {
  readonly kind: 'stream';
  readonly path: string;
  readonly label: GrpcMethodLabel;
  readonly isPublic?: boolean;
  readonly open: (stream: GrpcStream) => StreamReader;
}

export type GrpcMethod = UnaryMethod | StreamMethod;

/** The methods that metrics tell apart; `unknown` stands for every one that is not served. */
export const GRPC_METHOD_LABELS = [
  'Check',
  'Authorize',
  'AuthorizeBatch',
  'Health.Check',
  'Health.Watch',
  'ServerReflectionInfo',
  'unknown',
] as const;
export type GrpcMethodLabel = (typeof GRPC_METHOD_LABELS)[number];
