/** How a name came to be known in a scope. */
export type Occurrence = 'argument' | 'seen' | 'assigned' | 'declared';

/** What is known of a name in one scope. */
interface Known {
  /** What it is called after renaming; names that nothing declared stay as they are. */
  readonly renamed: string;
  readonly occurrence: Occurrence;
  /** It occurred again after it became known. */
  used: boolean;
}

type Scope = Map<string, Known>;

/** Gives names that are unique in a rule and its `else` chain. */
export class UniqueNames {
  #next = 0;

  /** A name for a variable that the user called `original`; a pass's own variable has none. */
  fresh(original = ''): string {
    return `${original}@${this.#next++}`;
  }
}

/** The scopes that a place in a rule can see, the innermost last. */
export class Scopes {
  readonly #scopes: Scope[];

  constructor(scopes: readonly Scope[] = []) {
    this.#scopes = [...scopes];
  }

  /** Independent scopes with the same names. */
  copy(): Scopes {
    return new Scopes(
      this.#scopes.map((scope) => {
        const copied: Scope = new Map();
        for (const [name, known] of scope) copied.set(name, { ...known });
        return copied;
      }),
    );
  }

  push(): void {
    this.#scopes.push(new Map());
  }

  pop(): void {
    this.#scopes.pop();
  }

  insert(name: string, renamed: string, occurrence: Occurrence): void {
    if (this.#scopes.length === 0) this.push();
    this.#scopes.at(-1)?.set(name, { renamed, occurrence, used: false });
  }

  #known(name: string): Known | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const known = this.#scopes[i]?.get(name);
      if (known !== undefined) return known;
    }
    return undefined;
  }

  /** What a name is called here; undefined where it is not known yet. */
  renamed(name: string): string | undefined {
    return this.#known(name)?.renamed;
  }

  /** Takes note that a known name occurs. */
  use(name: string): void {
    const known = this.#known(name);
    if (known !== undefined) known.used = true;
  }

  /** Whether a name occurred again after it became known, in the innermost scope that knows it. */
  isUsed(name: string): boolean {
    return this.#known(name)?.used === true;
  }

  /** How a name became known in the innermost scope. */
  occurrence(name: string): Occurrence | undefined {
    return this.#scopes.at(-1)?.get(name)?.occurrence;
  }

  /** How a name became known in the innermost scope that knows it. */
  anyOccurrence(name: string): Occurrence | undefined {
    return this.#known(name)?.occurrence;
  }

  /** Names of the innermost scope by how they became known, with what they are called. */
  named(occurrence: Occurrence): [name: string, renamed: string][] {
    const found: [string, string][] = [];
    for (const [name, known] of this.#scopes.at(-1) ?? []) {
      if (known.occurrence === occurrence) found.push([name, known.renamed]);
    }
    return found;
  }

  /** What a name of the innermost scope is called; other names are called what they are. */
  renamedHere(name: string): string {
    return this.#scopes.at(-1)?.get(name)?.renamed ?? name;
  }
}
