import { encodeBlock } from '../http2/hpack-encoder.ts';
import type { ServerStream, StreamReceiver } from '../http2/server-stream.ts';
import type { HeaderField } from '../http2/static-table.ts';
import { messageOf } from '../log.ts';
import { FrameCutter, FrameError, frameOf } from './grpc-frames.ts';
import {
  ARTIFACTS_HEADER,
  CONTENT_TYPE,
  LEADER_AFTER_TRAILER,
  LEADER_TRAILER,
  RETRY_AFTER_TRAILER,
} from './grpc-service.ts';
import { STATUS_OF_CLOSE, statusHeaders } from './grpc-status.ts';
import type { MessageCodec } from './message-codec.ts';
import type { MessageStream, StreamClose, StreamHandlers } from './stream.ts';

/** Of gRPC: a message is larger than it may be. */
const RESOURCE_EXHAUSTED = 8;

type Trailers = Readonly<Record<string, string>>;

function trailersOf({ code, reason, retryAfterMs, leader }: StreamClose, status = STATUS_OF_CLOSE[code]): Trailers {
  return {
    ...statusHeaders(status, reason),
    ...(retryAfterMs === undefined ? {} : { [RETRY_AFTER_TRAILER]: String(Math.ceil(retryAfterMs)) }),
    ...(leader === undefined
      ? {}
      : { [LEADER_TRAILER]: leader.address, [LEADER_AFTER_TRAILER]: String(Math.ceil(leader.afterMs)) }),
  };
}

/** Answers with nothing but an end that a PDP understands. */
export function refuse(stream: ServerStream, close: StreamClose): void {
  endWith(stream, trailersOf(close));
}

/** Answers with nothing but these headers. Without effect on a stream that has been answered, or is closed. */
export function endWith(stream: ServerStream, trailers: Trailers): void {
  stream.headers(encodeBlock([...ACCEPTED, ...Object.entries(trailers)]), true);
}

const ACCEPTED: readonly HeaderField[] = [
  [':status', '200'],
  ['content-type', CONTENT_TYPE],
];
const ACCEPTED_BLOCK = encodeBlock(ACCEPTED);
const ACCEPTED_WITH_ARTIFACTS_BLOCK = encodeBlock([...ACCEPTED, [ARTIFACTS_HEADER, 'here']]);

/** Lets the peer in: headers say so to it. */
export function serveStream<Out, In>(
  stream: ServerStream,
  codec: MessageCodec<Out, In>,
  accept: (stream: MessageStream<Out>) => StreamHandlers<In>,
  hasArtifacts: boolean,
): void {
  stream.headers(hasArtifacts ? ACCEPTED_WITH_ARTIFACTS_BLOCK : ACCEPTED_BLOCK, false);
  const accepted = new GrpcStream(stream, codec);
  accepted.serve(accept(accepted));
}

/** One accepted stream. */
class GrpcStream<Out, In> implements MessageStream<Out>, StreamReceiver {
  readonly #stream: ServerStream;
  readonly #codec: MessageCodec<Out, In>;
  readonly #cutter: FrameCutter;
  #isOver = false;
  /** Absent until the acceptor has answered who hears it: it may close the stream before. */
  #handlers: StreamHandlers<In> | undefined;

  constructor(stream: ServerStream, codec: MessageCodec<Out, In>) {
    this.#stream = stream;
    this.#codec = codec;
    this.#cutter = new FrameCutter(codec.maxBytes);
  }

  /** Tells `handlers` that it is open, then what came before the PDP was known, then what comes. */
  serve(handlers: StreamHandlers<In>): void {
    this.#handlers = handlers;
    handlers.onOpen();
    this.#stream.receive(this);
  }

  send(message: Out): boolean {
    if (this.#isOver) return true;
    const { encode, maxBytes, nameOf } = this.#codec;
    try {
      const bytes = encode(message);
      if (bytes.length > maxBytes) throw new FrameError('TooLarge', `it has ${bytes.length} bytes`);
      return this.#stream.data(frameOf(bytes));
    } catch (error) {
      this.#finish({ code: 'Protocol', reason: `${nameOf(message)} cannot be sent: ${messageOf(error)}` });
      return true;
    }
  }

  close(close: StreamClose): void {
    this.#finish(close);
  }

  data(piece: Buffer): void {
    try {
      for (const bytes of this.#cutter.push(piece)) this.#hear(bytes);
    } catch (error) {
      const isTooLarge = error instanceof FrameError && error.code === 'TooLarge';
      this.#finish({ code: 'Protocol', reason: messageOf(error) }, isTooLarge ? RESOURCE_EXHAUSTED : undefined);
    }
  }

  ended(): void {
    this.#finish({ code: 'Closed', reason: 'the PDP ended the stream' });
  }

  gone(): void {
    this.#finish({ code: 'Unavailable', reason: 'the PDP went away' });
  }

  drained(): void {
    if (!this.#isOver) this.#handlers?.onDrain();
  }

  /** It may have been ended by what was heard before. */
  #hear(bytes: Uint8Array): void {
    const message = this.#isOver ? undefined : this.#codec.decode(bytes);
    if (message !== undefined) this.#handlers?.onMessage(message);
  }

  #finish(close: StreamClose, status?: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.headers(encodeBlock(Object.entries(trailersOf(close, status))), true);
    queueMicrotask(() => this.#handlers?.onClose(close));
  }
}
