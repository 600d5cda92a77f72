import { HpackDecoder } from './hpack-decoder.ts';
import { HeadBuilder, type HeadProblem, type RequestHead } from './request-head.ts';

/**
 * Reads the heads of the requests of one connection. Proxies send nearly the same head again and again: if it remembers, one that
 * has the bytes of the one before is not read twice.
 */
export class HeadReader {
  readonly #decoder = new HpackDecoder();
  readonly #maxBytes: number;
  readonly #remembers: boolean;
  #last: { readonly block: Buffer; readonly version: number; readonly head: RequestHead | HeadProblem } | undefined;

  constructor(maxBytes: number, remembers: boolean) {
    this.#maxBytes = maxBytes;
    this.#remembers = remembers;
  }

  /** @throws Http2Error if the bytes are no block of headers */
  read(block: Buffer): RequestHead | HeadProblem {
    const { version } = this.#decoder;
    if (this.#last?.version === version && this.#last.block.equals(block)) return this.#last.head;
    const builder = new HeadBuilder(this.#maxBytes);
    this.#decoder.decode(block, 0, block.length, builder.add);
    const head = builder.finish();
    // A block that changes the table means something else the next time.
    if (this.#remembers && this.#decoder.version === version) this.#last = { block: Buffer.from(block), version, head };
    return head;
  }
}
