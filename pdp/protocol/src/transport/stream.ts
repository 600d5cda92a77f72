import type { TlsProblem } from './tls-problem.ts';

/** Why a stream ended, in words that decide how soon to dial again. */
export type CloseCode =
  /** Ended in order by either side. */
  | 'Closed'
  /** The peer cannot be reached, went away, or is not the leader. */
  | 'Unavailable'
  /** The token or certificate was refused: the same credentials will be refused again. */
  | 'Unauthenticated'
  /** A message that breaks the protocol or its bounds. */
  | 'Protocol';

/** The end of a stream. */
export interface StreamClose {
  readonly code: CloseCode;
  readonly reason: string;
  /** When the peer asks to come back; absent: as the dialler likes. */
  readonly retryAfterMs?: number;
  /** Whom to dial in its place, as `host:port`, and when: said by a replica that knows who leads. */
  readonly leader?: { readonly address: string; readonly afterMs: number };
  /** What is wrong with the peer's certificate, where that is why; the reason says what to do. */
  readonly tlsProblem?: TlsProblem;
}

/** What the owner of one end of a stream is told. `onClose` is the last call and comes exactly once. */
export interface StreamHandlers<In> {
  readonly onOpen: () => void;
  readonly onMessage: (message: In) => void;
  /** The stream can take messages again after {@link MessageStream.send} answered false. */
  readonly onDrain: () => void;
  readonly onClose: (close: StreamClose) => void;
}

/** One end of a stream of messages. Transports keep the order of messages and lose none while the stream lives. */
export interface MessageStream<Out> {
  /** Takes the message in any case; false asks to wait for `onDrain` before sending more. After the end it is dropped. */
  readonly send: (message: Out) => boolean;
  /** Ends the stream once what was sent is out. Safe to repeat. */
  readonly close: (close: StreamClose) => void;
}

/** Opens a stream and returns its own end at once; `onOpen` follows when the peer has it. */
export type Dial<Out, In> = (handlers: StreamHandlers<In>) => MessageStream<Out>;
