import type { Term } from '../ast.ts';
import { safetyFilter, varsOfTerm, type VarFilter } from './vars.ts';

const patternFilter: VarFilter = { skipRefHead: true, skipObjectKeys: true, skipClosures: true };

/** The vars that get values when `a = b` is evaluated while the vars in `safe` have values. OPA's rules. */
export const unify = (safe: ReadonlySet<string>, a: Term, b: Term): Set<string> => {
  const unifier = new Unifier(safe);
  unifier.unify(a, b);
  return unifier.unified;
};

class Unifier {
  readonly unified = new Set<string>();
  readonly #safe: ReadonlySet<string>;
  /** Vars that become safe once all of these are. */
  readonly #waiting = new Map<string, Set<string>>();

  constructor(safe: ReadonlySet<string>) {
    this.#safe = safe;
  }

  unify(a: Term, b: Term): void {
    if (a.kind === 'var') {
      this.#unifyVar(a.name, b);
      return;
    }
    if (b.kind === 'var') {
      this.#unifyVar(b.name, a);
      return;
    }
    if (isEvaluated(a)) {
      if (this.#isSafeTerm(a)) this.#markPattern(b);
      return;
    }
    if (isEvaluated(b)) {
      if (this.#isSafeTerm(b)) this.#markPattern(a);
      return;
    }
    if (a.kind === 'array' && b.kind === 'array' && a.items.length === b.items.length) {
      a.items.forEach((item, index) => {
        const other = b.items[index];
        if (other !== undefined) this.unify(item, other);
      });
    }
    if (a.kind === 'object' && b.kind === 'object' && a.entries.length === b.entries.length) {
      const byKey = new Map(b.entries.map(([key, value]) => [keyText(key), value]));
      for (const [key, value] of a.entries) {
        const other = byKey.get(keyText(key));
        if (other !== undefined) this.unify(value, other);
      }
    }
  }

  #unifyVar(name: string, other: Term): void {
    if (other.kind === 'var') {
      if (this.#isSafe(other.name)) this.#mark(name);
      else if (this.#isSafe(name)) this.#mark(other.name);
      else {
        this.#wait(name, other.name);
        this.#wait(other.name, name);
      }
      return;
    }
    if (other.kind === 'array' || other.kind === 'object') {
      if (this.#isSafe(name)) {
        this.#markPattern(other);
        return;
      }
      const vars = new Set<string>();
      varsOfTerm(other, patternFilter, vars);
      const open = [...vars].filter((v) => !this.#isSafe(v));
      if (open.length === 0) this.#mark(name);
      for (const v of open) this.#wait(name, v);
      return;
    }
    if (other.kind === 'ref' || other.kind === 'call') {
      if (this.#isSafeTerm(other)) this.#mark(name);
      return;
    }
    this.#mark(name);
  }

  #isSafe(name: string): boolean {
    return this.#safe.has(name) || this.unified.has(name);
  }

  #isSafeTerm(term: Term): boolean {
    const vars = new Set<string>();
    if (term.kind === 'ref') varsOfTerm(term.head, safetyFilter, vars);
    else varsOfTerm(term, safetyFilter, vars);
    return term.kind === 'ref' || term.kind === 'call' ? vars.isSubsetOf(this.#safe) : true;
  }

  #markPattern(term: Term): void {
    if (term.kind !== 'array' && term.kind !== 'object') return;
    const vars = new Set<string>();
    varsOfTerm(term, patternFilter, vars);
    for (const name of vars) this.#mark(name);
  }

  #mark(name: string): void {
    this.unified.add(name);
    const dependencies = this.#waiting.get(name);
    this.#waiting.delete(name);
    for (const other of dependencies ?? []) this.#mark(other);
    for (const [other, open] of [...this.#waiting]) {
      if (open.delete(name) && open.size === 0) {
        this.#waiting.delete(other);
        this.#mark(other);
      }
    }
  }

  #wait(name: string, on: string): void {
    const open = this.#waiting.get(name);
    if (open === undefined) this.#waiting.set(name, new Set([on]));
    else open.add(on);
  }
}

const isEvaluated = (term: Term): boolean =>
  term.kind === 'ref' || term.kind === 'call' || term.kind.endsWith('comprehension');

/** Text by which equal keys of object patterns are found: constants and vars only. */
const keyText = (key: Term): string =>
  JSON.stringify(key, (name, value: unknown) => (name === 'location' ? undefined : value));
