/** What parsers trip over. */
const TOKENS = [
  ...['\r\n', '\r', '\n', '\0', ' ', ':', '%', '%zz', '%00', '../', '//', '?', '#', '\x7f', '\xff\xfe', '\xed\xa0\x80'],
  ...['Content-Length: 5\r\n', 'Content-Length: -1\r\n', 'Content-Length: 99999999999\r\n'],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip, chunked\r\n', 'Content-Encoding: gzip\r\n'],
  ...['Upgrade: h2c\r\n', 'traceparent: 00-0-0-0\r\n', 'HTTP/9.9', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ...['Policy-At-Least: x@99999999999999999999\r\n', 'Policy-Wait: 9e9h\r\n', 'Policy-Set: ../../etc\r\n'],
  ...['{', '[', '"', '\\u0000', '\\ud800', '1e999', '-0', '__proto__', '"constructor":{}'],
  ...['['.repeat(3000), '{"a":'.repeat(3000), 'A'.repeat(70_000)],
].map((text) => Buffer.from(text, 'latin1'));

/** Makes byte streams of whole requests: cut, repeated, spliced and with bytes changed. One seed makes the same streams. */
export class ByteStreams {
  readonly #requests: readonly Buffer[];
  #state: number;

  constructor(requests: readonly Buffer[], seed: number) {
    this.#requests = requests;
    this.#state = seed >>> 0;
  }

  /** A whole number below `bound` (mulberry32). */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    const state = this.#state;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  next(): Buffer {
    let bytes = this.#pick(this.#requests);
    for (let turn = this.below(5); turn > 0; turn--) bytes = this.#changed(bytes);
    return bytes;
  }

  #changed(bytes: Buffer): Buffer {
    const at = this.below(bytes.length + 1);
    const to = Math.min(bytes.length, at + this.below(64));
    const parts = [
      [bytes.subarray(0, at), this.#pick(TOKENS), bytes.subarray(at)],
      [bytes.subarray(0, at), bytes.subarray(to)],
      [bytes.subarray(0, to), bytes.subarray(at)],
      [bytes.subarray(0, at)],
      [bytes.subarray(0, at), Buffer.from([this.below(256)]), bytes.subarray(at + 1)],
      [bytes, this.#pick(this.#requests)],
      [bytes.subarray(0, at), this.#pick(this.#requests)],
    ];
    return Buffer.concat(this.#pick(parts));
  }

  #pick<T>(from: readonly T[]): T {
    const one = from[this.below(from.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }
}
