/** One byte that says whether the message is compressed, and four of its length. */
const HEAD_BYTES = 5;

/** Why bytes are no messages: none of these can be followed by anything sound. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  readonly code: 'Compressed' | 'TooLarge';
  constructor(code: FrameError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** A message as gRPC sends it over HTTP/2: not compressed, behind its length. */
export function frameOf(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, HEAD_BYTES);
  return framed;
}

/** Cuts a stream of bytes into messages. It holds at most one message that has not come as a whole, and one piece. */
export class FrameCutter {
  readonly #maxMessageBytes: number;
  #pieces: Buffer[] = [];
  #size = 0;
  /** Bytes that the next frame has with its head, as far as that is known. */
  #awaited = HEAD_BYTES;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** The messages that a piece completes. @throws FrameError of a message that is compressed or too large */
  push(piece: Buffer): readonly Buffer[] {
    this.#pieces.push(piece);
    this.#size += piece.length;
    const messages: Buffer[] = [];
    while (this.#size >= this.#awaited) {
      const bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#size);
      const end = HEAD_BYTES + this.#lengthIn(bytes);
      const isWhole = bytes.length >= end;
      if (isWhole) messages.push(bytes.subarray(HEAD_BYTES, end));
      this.#awaited = isWhole ? HEAD_BYTES : end;
      piece = isWhole ? bytes.subarray(end) : bytes;
      // What is used up is not kept, not even by a view of its end.
      this.#pieces = piece.length === 0 ? [] : [piece];
      this.#size = piece.length;
    }
    return messages;
  }

  #lengthIn(bytes: Buffer): number {
    if (bytes[0] !== 0) throw new FrameError('Compressed', 'a message is compressed');
    const length = bytes.readUInt32BE(1);
    if (length > this.#maxMessageBytes) {
      throw new FrameError('TooLarge', `a message has ${length} bytes, more than ${this.#maxMessageBytes}`);
    }
    return length;
  }
}
