import type { Expr, Term } from '../ast.ts';
import { descendBody, descendExpr, descendTerm, type Visitor } from '../passes/descend.ts';
import { chainOf, headTerms } from '../passes/walk.ts';
import { declaration } from '../types/builtins.ts';
import { functionGroup } from './context.ts';
import { childAt, isGroup, placeName, type Documents, type GroupOutline, type Replacements } from './documents.ts';
import { overlapsAny, Users } from './spread.ts';

/** Built-ins whose calls are seen from outside, or whose answers change with the time of the machine. */
const OBSERVED: ReadonlySet<string> = new Set([
  'crypto.x509.parse_and_verify_certificates',
  'crypto.x509.parse_and_verify_certificates_with_options',
  'internal.print',
  'internal.test_case',
  'print',
  'trace',
]);

/**
 * Finds the documents that have one value as long as their base documents stay, and the functions whose results depend on
 * nothing but their arguments in the same way: nothing in them reads the input or what some `with` replaces, or asks the
 * clock, chance or the network.
 */
export const findFixed = (documents: Documents, replacements: Replacements): ReadonlySet<number> => {
  const { data, functions } = replacements;
  const users = new Users();
  const changing = new Set<number>();
  for (const group of documents.groups) {
    const { id, path } = group;
    const search = new ChangeSearch(documents, replacements, (used) => {
      users.add(used, id);
    });
    if (overlapsAny(path, data) || functions.includes(placeName(['data', ...path])) || search.finds(group)) {
      changing.add(id);
    }
  }
  users.spread(changing);
  return new Set(documents.groups.flatMap(({ id }) => (changing.has(id) ? [] : [id])));
};

/** Looks for what may change from one evaluation to the next. */
class ChangeSearch implements Visitor {
  #changes = false;
  readonly #documents: Documents;
  readonly #replacements: Replacements;
  readonly #onUse: (group: number) => void;

  /** `onUse` is told of the groups that are read or called. */
  constructor(documents: Documents, replacements: Replacements, onUse: (group: number) => void) {
    this.#documents = documents;
    this.#replacements = replacements;
    this.#onUse = onUse;
  }

  /** True if a group reads or calls something that may change, other groups apart. */
  finds({ rules, fallback }: GroupOutline): boolean {
    for (const rule of fallback === undefined ? rules : [...rules, fallback]) {
      for (const one of chainOf(rule)) {
        for (const term of headTerms(one)) this.term(term);
        descendBody(one.body, this);
        if (this.#changes) return true;
      }
    }
    return false;
  }

  term(term: Term): void {
    if (this.#changes) return;
    if (term.kind === 'var') this.#changes ||= term.name === 'input' || term.name === 'data';
    else if (term.kind === 'ref' && term.head.kind === 'var' && term.head.name === 'data') {
      this.#changes ||= !this.#isFixedData(term.path);
      for (const part of term.path) this.term(part);
    } else {
      if (term.kind === 'call') this.#changes ||= this.#isChangingCall(term);
      descendTerm(term, this);
    }
  }

  expr(expr: Expr): void {
    if (expr.with.length > 0) this.#changes = true;
    else if (!this.#changes) descendExpr(expr, this);
  }

  #isChangingCall(call: Extract<Term, { readonly kind: 'call' }>): boolean {
    const name = call.operator.join('.');
    if (this.#replacements.functions.includes(name)) return true;
    if (call.target !== 'function') return OBSERVED.has(name) || declaration(name)?.nondeterministic === true;
    const group = functionGroup(this.#documents, call);
    if (group === undefined) return true;
    this.#onUse(group.id);
    return false;
  }

  /** Documents of rules that are fixed, and base documents beside which there are no rules. */
  #isFixedData(path: readonly Term[]): boolean {
    let tree = this.#documents.root;
    for (const [index, part] of path.entries()) {
      if (part.kind !== 'string') return false;
      const child = childAt(tree, part);
      if (child === undefined) {
        const names = path.slice(0, index + 1).map((each) => (each.kind === 'string' ? each.value : ''));
        return !overlapsAny(names, this.#replacements.data);
      }
      if (isGroup(child.target)) {
        this.#onUse(child.target.id);
        return child.target.kind !== 'function';
      }
      tree = child.target;
    }
    return false;
  }
}
