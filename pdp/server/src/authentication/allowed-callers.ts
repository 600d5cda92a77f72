/** Which of those who proved who they are may ask. */
export class AllowedCallers {
  readonly #whole: ReadonlySet<string>;
  readonly #beginnings: readonly string[];
  readonly #everyone: boolean;

  /** `entries`: names, whole or with `*` at the end; none lets everyone in. */
  constructor(entries: readonly string[]) {
    this.#everyone = entries.length === 0;
    this.#whole = new Set(entries.filter((entry) => !entry.endsWith('*')));
    this.#beginnings = entries.filter((entry) => entry.endsWith('*')).map((entry) => entry.slice(0, -1));
  }

  /** The first of `names` that is let in. */
  firstOf(names: readonly string[]): string | undefined {
    if (this.#everyone) return names[0];
    return names.find(
      (name) => this.#whole.has(name) || this.#beginnings.some((beginning) => name.startsWith(beginning)),
    );
  }
}
