import { LimitExceeded, MAX_CODE_LENGTH } from '../limits.ts';

/** A place in generated code where lines can be put later, until the outermost block around it is closed. */
export interface Mark {
  readonly depth: number;
  readonly lines: string[];
}

/** How many lines of closed blocks are kept apart before they are joined. */
const LINES_PER_CHUNK = 256;

/**
 * Collects lines of generated code with their indentation. What is complete is joined as it goes, for a program has many
 * lines, and each by itself takes several times the memory of its text.
 */
export class Writer {
  readonly #chunks: string[] = [];
  #lines: (string | Mark)[] = [];
  #depth = 0;
  #length = 0;

  line(text: string): void {
    const line = indent(this.#depth, text);
    this.#length += line.length + 1;
    if (this.#length > MAX_CODE_LENGTH)
      throw new LimitExceeded('the policy is too large: so is the code that it becomes');
    this.#lines.push(line);
  }

  /** A line that opens a block, what `inside` writes, and the line that closes it. */
  block(open: string, inside: () => void, close = '}'): void {
    this.line(open);
    this.#depth++;
    inside();
    this.#depth--;
    this.line(close);
    if (this.#depth === 0 && this.#lines.length >= LINES_PER_CHUNK) this.#join();
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

  /** All that was written, each line with its line feed, in pieces. */
  get chunks(): readonly string[] {
    this.#join();
    return this.#chunks;
  }

  #join(): void {
    const lines = this.#lines.flatMap((line) => (typeof line === 'string' ? [line] : line.lines));
    if (lines.length > 0) this.#chunks.push(`${lines.join('\n')}\n`);
    this.#lines = [];
  }
}

const indent = (depth: number, text: string): string => (text === '' ? '' : '  '.repeat(depth) + text);
