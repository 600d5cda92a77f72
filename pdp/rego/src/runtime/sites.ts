import type { Location } from '../diagnostics.ts';

/** Where an evaluation may fail, and how: generated code names a site by its number. */
export interface Site {
  readonly message: string;
  readonly location: Location;
}

/** How many numbers make a site: its message and its file, both by their place among the texts, then row, column, start and end. */
const NUMBERS = 6;

/** The sites of a program, kept as numbers and texts that they share: a program has many, and hardly ever asks for one. */
export class Sites {
  readonly #texts: readonly string[];
  readonly #numbers: readonly number[];

  constructor(texts: readonly string[], numbers: readonly number[]) {
    this.#texts = texts;
    this.#numbers = numbers;
  }

  /** The site of a number; undefined for a number that has none. */
  at(site: number): Site | undefined {
    const [message, file, row, col, start, end] = this.#numbers.slice(site * NUMBERS, (site + 1) * NUMBERS);
    if (message === undefined || file === undefined || row === undefined) return undefined;
    if (col === undefined || start === undefined || end === undefined) return undefined;
    return {
      message: this.#texts[message] ?? '',
      location: { file: this.#texts[file] ?? '', row, col, start, end },
    };
  }
}

/** Collects sites while code is generated; equal ones share a number. */
export class SiteTable {
  readonly #texts = new Map<string, number>();
  readonly #sites = new Map<string, number>();

  /** The number of a site. */
  add({ message, location: { file, row, col, start, end } }: Site): number {
    const site = `${this.#text(message)},${this.#text(file)},${row},${col},${start},${end}`;
    const known = this.#sites.get(site);
    if (known !== undefined) return known;
    const number = this.#sites.size;
    this.#sites.set(site, number);
    return number;
  }

  /** The arguments of {@link Sites}, as JSON. */
  get arguments(): string {
    return `${JSON.stringify([...this.#texts.keys()])}, [${[...this.#sites.keys()].join(',')}]`;
  }

  #text(text: string): number {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const number = this.#texts.size;
    this.#texts.set(text, number);
    return number;
  }
}
