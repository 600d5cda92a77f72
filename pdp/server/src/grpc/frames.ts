import { failure, type GrpcFailure } from './status.ts';
import { FRAME_HEAD_BYTES } from './grpc-method.ts';

/** Writes the head of the frame that a message lies behind. */
export function frame(message: Buffer): Buffer {
  message[0] = 0;
  message.writeUInt32BE(message.length - FRAME_HEAD_BYTES, 1);
  return message;
}

const COMPRESSED = failure('UNIMPLEMENTED', 'compressed messages are not taken', {
  'grpc-accept-encoding': 'identity',
});
const CUT_OFF = failure('INVALID_ARGUMENT', 'the message ends too early');

/** What a piece of a stream gives: whole messages so far, or why the stream is wrong. */
export type Framed =
  { readonly ok: true; readonly messages: readonly Buffer[] } | { readonly ok: false; readonly failed: GrpcFailure };

/** Cuts a stream of bytes into messages. */
export class FrameReader {
  readonly #maxMessageBytes: number;
  #pieces: Buffer[] = [];
  #size = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Bytes of a message that has not come as a whole. */
  get heldBytes(): number {
    return this.#size;
  }

  /** Takes a piece, and gives the messages that it completes. */
  push(piece: Buffer): Framed {
    this.#pieces.push(piece);
    this.#size += piece.length;
    const messages: Buffer[] = [];
    for (;;) {
      if (this.#size < FRAME_HEAD_BYTES) return { ok: true, messages };
      let [first] = this.#pieces;
      if (first === undefined || first.length < FRAME_HEAD_BYTES) first = this.#join();
      if (first[0] !== 0) return { ok: false, failed: COMPRESSED };
      const length = first.readUInt32BE(1);
      if (length > this.#maxMessageBytes) return { ok: false, failed: tooLarge(this.#maxMessageBytes) };
      const end = FRAME_HEAD_BYTES + length;
      if (this.#size < end) return { ok: true, messages };
      const whole = first.length >= end ? first : this.#join();
      messages.push(whole.subarray(FRAME_HEAD_BYTES, end));
      this.#size -= end;
      if (whole.length === end) this.#pieces.shift();
      else this.#pieces[0] = whole.subarray(end);
    }
  }

  /** Called when no more comes: why what is left is no message, if there is anything left. */
  finish(): GrpcFailure | undefined {
    return this.#size === 0 ? undefined : CUT_OFF;
  }

  #join(): Buffer {
    const joined = Buffer.concat(this.#pieces, this.#size);
    this.#pieces = [joined];
    return joined;
  }
}

function tooLarge(maxBytes: number): GrpcFailure {
  return failure('RESOURCE_EXHAUSTED', `the message is larger than ${maxBytes} bytes`);
}
