/** A place in generated code where lines can be put later. */
export interface Mark {
  readonly depth: number;
  readonly lines: string[];
}

/** Collects lines of generated code with their indentation. */
export class Writer {
  readonly #lines: (string | Mark)[] = [];
  #depth = 0;

  line(text: string): void {
    this.#lines.push(indent(this.#depth, text));
  }

  /** A line that opens a block, what `inside` writes, and the line that closes it. */
  block(open: string, inside: () => void, close = '}'): void {
    this.line(open);
    this.#depth++;
    inside();
    this.#depth--;
    this.line(close);
  }

  /** Keeps a place here, in front of whatever is written next. */
  mark(): Mark {
    const mark = { depth: this.#depth, lines: [] };
    this.#lines.push(mark);
    return mark;
  }

  /** Puts a line at a place kept before. */
  lineAt(mark: Mark, text: string): void {
    mark.lines.push(indent(mark.depth, text));
  }

  toString(): string {
    const lines = this.#lines.flatMap((line) => (typeof line === 'string' ? [line] : line.lines));
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }
}

const indent = (depth: number, text: string): string => (text === '' ? '' : '  '.repeat(depth) + text);
