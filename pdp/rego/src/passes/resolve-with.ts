import type { Body, Expr, RefTerm, Term, With } from '../ast.ts';
import type { Diagnostic, DiagnosticCode, Location } from '../diagnostics.ts';
import { printPath } from '../print.ts';
import { declaration } from '../types/builtins.ts';
import type { Builtin } from '../types/builtins.ts';
import { childOf, findNode } from './rule-tree.ts';
import { mapBody, mapList, mapTerm } from './transform.ts';
import type { RuleTreeNode } from './unit.ts';

/** Says of every `with` what it replaces by what, or why it cannot. */
export class WithResolver {
  readonly diagnostics: Diagnostic[] = [];
  readonly #root: RuleTreeNode;
  readonly #unsafe: ReadonlySet<string>;

  constructor(root: RuleTreeNode, unsafeBuiltins: ReadonlySet<string>) {
    this.#root = root;
    this.#unsafe = unsafeBuiltins;
  }

  /** Resolves the modifiers of a body's literals, and of all bodies inside it. */
  body(body: Body): Body {
    return mapBody(body, { body: (inner) => mapList(inner, (expr) => this.#expr(expr)) });
  }

  /** As `body`, for the bodies inside a term. */
  term(term: Term): Term {
    return mapTerm(term, { body: (inner) => mapList(inner, (expr) => this.#expr(expr)) });
  }

  #expr(expr: Expr): Expr {
    if (expr.with.length === 0) return expr;
    return { ...expr, with: expr.with.map((w) => this.#with(w)).filter((w) => w !== undefined) };
  }

  #report(message: string, location: Location, code: DiagnosticCode = 'rego_compile_error'): void {
    this.diagnostics.push({ code, message, location });
  }

  #with(w: With): With | undefined {
    const target = asRef(w.target);
    const value = w.value.kind === 'var' && declaration(w.value.name) !== undefined ? asRef(w.value) : w.value;
    const root = target.head.kind === 'var' ? target.head.name : '';
    if (root === 'data' && w.target.kind === 'ref') return this.#withData({ ...w, target, value });
    if (root === 'input' && w.target.kind === 'ref')
      return { ...w, target, value, targetKind: 'input', valueKind: 'value' };
    const name = dotted(target);
    if (name !== undefined && this.#unsafe.has(name)) {
      this.#reportUnsafe(name, target.location);
      return undefined;
    }
    const builtin = name === undefined ? undefined : declaration(name);
    if (builtin === undefined) {
      this.#report(
        'with keyword target must reference existing input, data, or a function',
        w.target.location,
        'rego_type_error',
      );
      return undefined;
    }
    const problem = irreplaceable(builtin);
    if (problem !== undefined) {
      this.#report(`with keyword replacing built-in function: ${problem}`, target.location);
      return undefined;
    }
    const valueKind = this.#functionKind(value);
    return valueKind && { ...w, target, value, targetKind: 'builtin', valueKind };
  }

  #reportUnsafe(name: string, location: Location): void {
    this.#report(
      `with keyword replacing built-in function: target must not be unsafe: ${JSON.stringify(name)}`,
      location,
    );
  }

  #withData(w: With & { readonly target: RefTerm }): With | undefined {
    let node: RuleTreeNode | undefined = this.#root;
    for (const part of w.target.path.slice(0, -1)) {
      node = childOf(node, part);
      if (node === undefined) break;
      if (node.rules.length > 0) {
        this.#report('with keyword cannot partially replace virtual document(s)', w.target.location);
        return undefined;
      }
    }
    const exact = findNode(this.#root, w.target.path);
    if (exact?.rules.some(({ head }) => head.rule === 'function') !== true) {
      return { ...w, targetKind: 'data', valueKind: this.#isFunctionRule(w.value) ? 'function' : 'value' };
    }
    const valueKind = this.#functionKind(w.value);
    return valueKind && { ...w, targetKind: 'function', valueKind };
  }

  #isDocument(value: Term): boolean {
    if (value.kind !== 'ref' || value.head.kind !== 'var' || value.head.name !== 'data') return false;
    return findNode(this.#root, value.path) !== undefined;
  }

  #isFunctionRule(value: Term): boolean {
    if (value.kind !== 'ref' || value.head.kind !== 'var' || value.head.name !== 'data') return false;
    return findNode(this.#root, value.path)?.rules.some(({ head }) => head.rule === 'function') ?? false;
  }

  /** What stands in for a function; undefined where it must not. A document does so unevaluated, until it is called. */
  #functionKind(value: Term): Exclude<With['valueKind'], undefined> | undefined {
    if (this.#isFunctionRule(value)) return 'function';
    if (this.#isDocument(value)) return 'document';
    const name = value.kind === 'ref' ? dotted(value) : undefined;
    if (name === undefined) return 'value';
    if (this.#unsafe.has(name)) {
      this.#reportUnsafe(name, value.location);
      return undefined;
    }
    return declaration(name) === undefined ? 'value' : 'builtin';
  }
}

const asRef = (term: Term): RefTerm =>
  term.kind === 'ref' ? term : { kind: 'ref', head: term, path: [], location: term.location };

/** A reference as the dotted name of a built-in. */
const dotted = ({ head, path }: RefTerm): string | undefined => {
  if (head.kind !== 'var' || path.some((part) => part.kind !== 'string')) return undefined;
  return printPath([head.name, ...path.map((part) => (part.kind === 'string' ? part.value : ''))]);
};

const irreplaceable = (builtin: Builtin): string | undefined => {
  const name = JSON.stringify(builtin.name);
  if (['eq', 'rego.metadata.chain', 'rego.metadata.rule'].includes(builtin.name))
    return `replacement of ${name} invalid`;
  if (builtin.name.startsWith('internal.')) return `replacement of internal function ${name} invalid`;
  if (builtin.relation === true) return 'target must not be a relation';
  if (builtin.void) return 'target must not be a void function';
  return undefined;
};
