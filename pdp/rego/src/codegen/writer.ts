/** Collects lines of generated code with their indentation. */
export class Writer {
  readonly #lines: string[] = [];
  #depth = 0;

  line(text: string): void {
    this.#lines.push(text === '' ? '' : '  '.repeat(this.#depth) + text);
  }

  /** A line that opens a block, what `inside` writes, and the line that closes it. */
  block(open: string, inside: () => void, close = '}'): void {
    this.line(open);
    this.#depth++;
    inside();
    this.#depth--;
    this.line(close);
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}
