/** How a name came to be known in a scope. */
export type Occurrence = 'argument' | 'seen' | 'assigned' | 'declared';

interface Scope {
  /** What names are called after renaming; names that nothing declared stay as they are. */
  readonly renamed: Map<string, string>;
  readonly occurrence: Map<string, Occurrence>;
}

const emptyScope = (): Scope => ({ renamed: new Map(), occurrence: new Map() });

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

  constructor(scopes: readonly Scope[] = [emptyScope()]) {
    this.#scopes = [...scopes];
  }

  /** Independent scopes with the same names. */
  copy(): Scopes {
    return new Scopes(
      this.#scopes.map((scope) => ({ renamed: new Map(scope.renamed), occurrence: new Map(scope.occurrence) })),
    );
  }

  push(): void {
    this.#scopes.push(emptyScope());
  }

  pop(): void {
    this.#scopes.pop();
  }

  get #innermost(): Scope {
    const scope = this.#scopes.at(-1);
    if (scope !== undefined) return scope;
    const added = emptyScope();
    this.#scopes.push(added);
    return added;
  }

  insert(name: string, renamed: string, occurrence: Occurrence): void {
    const scope = this.#innermost;
    scope.renamed.set(name, renamed);
    scope.occurrence.set(name, occurrence);
  }

  /** What a name is called here; undefined where it is not known yet. */
  renamed(name: string): string | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const renamed = this.#scopes[i]?.renamed.get(name);
      if (renamed !== undefined) return renamed;
    }
    return undefined;
  }

  /** How a name became known in the innermost scope. */
  occurrence(name: string): Occurrence | undefined {
    return this.#innermost.occurrence.get(name);
  }

  /** How a name became known in the innermost scope that knows it. */
  anyOccurrence(name: string): Occurrence | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const occurrence = this.#scopes[i]?.occurrence.get(name);
      if (occurrence !== undefined) return occurrence;
    }
    return undefined;
  }

  /** Names of the innermost scope by how they became known, with what they are called. */
  named(occurrence: Occurrence): [name: string, renamed: string][] {
    const scope = this.#innermost;
    return [...scope.occurrence]
      .filter(([, found]) => found === occurrence)
      .map(([name]) => [name, scope.renamed.get(name) ?? name]);
  }

  /** All renamings of the innermost scope. */
  get renamings(): ReadonlyMap<string, string> {
    return this.#innermost.renamed;
  }
}
