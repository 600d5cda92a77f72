import type { Term } from '../ast.ts';
import { isScalar } from '../parser/head.ts';
import type { PlacePart } from '../plan/documents.ts';
import type { AdmissionTest } from '../plan/ir.ts';
import { numberFromText } from '../runtime/number.ts';
import { SiteTable, type Site } from '../runtime/sites.ts';
import { memberName, quote } from './names.ts';
import type { RuleIndex } from './rule-index.ts';

/** Names of what an index over a base document needs. */
export interface MemberNames {
  readonly document: string;
  readonly keys: string;
  readonly values: string;
  readonly index: string;
}

/** What generated code refers to by number: constants, paths, built-ins, sites. Equal entries share a number. */
export class Pool {
  readonly #declarations: string[] = [];
  readonly #names = new Map<string, string>();
  readonly #builtins = new Map<string, string>();
  readonly #sites = new SiteTable();

  /** The expression of a ground term: literals in place, composites declared once. */
  constant(term: Term): string {
    const literal = primitive(term);
    return literal ?? this.#declare('k', constantExpression(term));
  }

  /** The name of an array of keys. */
  path(path: readonly PlacePart[]): string {
    const keys = path.map((part) => (typeof part === 'string' ? quote(part) : this.constant(part)));
    return this.#declare('p', `[${keys.join(', ')}]`);
  }

  /** The name of a base document that nothing replaces. */
  base(path: readonly string[]): string {
    return this.#declare('e', `walkBase(rt.data, ${this.path(path)})`);
  }

  /** The name of what holds the value of a document that is the same in all evaluations. */
  kept(group: number): string {
    return this.#declare('z', `{ value: undefined, of: ${String(group)} }`);
  }

  /** The name of the index over a base document's members: undefined at run time if the document is small. */
  index(document: string): string {
    return this.#declare('J', `rt.index(${document})`);
  }

  /** The names of a base document, its keys and values in Rego order, and its index of what stands at a path. */
  members(path: readonly string[], of: string): MemberNames {
    const document = this.base(path);
    const values = this.#declare('V', `C.dataValues(${document})`);
    return {
      document,
      keys: this.#declare('V', `C.dataKeys(${document})`),
      values,
      index: this.#declare('J', `C.dataIndex(${document}, ${values}, ${of})`),
    };
  }

  /** The name of a table of the rules that can succeed, by the value that tells them apart. */
  ruleTable({ entries, others }: RuleIndex): string {
    const rows = entries.map(([literal, rules]) => `[${literal}, [${rules.join(', ')}]]`);
    return this.#declare('T', `rt.ruleTable([${rows.join(', ')}], [${others.join(', ')}])`);
  }

  /** The name of the tests of an `admit`. */
  tests(tests: readonly AdmissionTest[]): string {
    return this.#declare('A', `[${tests.map((test) => this.#test(test)).join(', ')}]`);
  }

  #test(test: AdmissionTest): string {
    const list = (items: readonly (string | undefined)[]): string =>
      `[${items.map((item) => item ?? 'undefined').join(', ')}]`;
    switch (test.kind) {
      case 'defined':
        throw new TypeError('that a value is there needs no test');
      case 'type':
        return `['type', [${test.names.map(quote).join(', ')}]]`;
      case 'equal':
        return test.term.kind === 'array'
          ? `['parts', ${list(test.term.items.map((item) => (isScalar(item) ? this.constant(item) : undefined)))}]`
          : `['equal', ${this.constant(test.term)}]`;
      case 'member':
        return `['member', ${this.constant(test.term)}]`;
      case 'prefix':
      case 'suffix':
        return `['${test.kind}', ${quote(test.text)}]`;
      case 'glob':
        return `['glob', ${quote(test.delimiters)}, ${list(test.parts.map((part) => part && quote(part)))}]`;
      default:
        return test satisfies never;
    }
  }

  /** The name of a built-in's function. */
  builtin(name: string): string {
    let local = this.#builtins.get(name);
    if (local === undefined) {
      local = `b${String(this.#builtins.size)}`;
      this.#builtins.set(name, local);
    }
    return local;
  }

  site(site: Site): number {
    return this.#sites.add(site);
  }

  get builtinNames(): readonly string[] {
    return [...this.#builtins.keys()];
  }

  /** The declarations of everything that was asked for. */
  lines(): readonly string[] {
    return [
      ...[...this.#builtins].map(([name, local]) => `const ${local} = rt.builtin(${quote(name)});`),
      ...this.#declarations,
      `const sites = rt.sites(${this.#sites.arguments});`,
    ];
  }

  #declare(prefix: string, expression: string): string {
    const known = this.#names.get(expression);
    if (known !== undefined) return known;
    const name = `${prefix}${String(this.#declarations.length)}`;
    this.#names.set(expression, name);
    this.#declarations.push(`const ${name} = ${expression};`);
    return name;
  }
}

/** The literal of a term that JavaScript has one for. */
export const primitive = (term: Term): string | undefined => {
  switch (term.kind) {
    case 'null':
      return 'null';
    case 'boolean':
      return String(term.value);
    case 'string':
      return quote(term.value);
    case 'number': {
      const value = numberFromText(term.text);
      return typeof value === 'number' ? String(value) : undefined;
    }
    default:
      return undefined;
  }
};

const constantExpression = (term: Term): string => {
  const literal = primitive(term);
  if (literal !== undefined) return literal;
  switch (term.kind) {
    case 'number':
      return `rt.number(${quote(term.text)})`;
    case 'array':
      return `[${term.items.map(constantExpression).join(', ')}]`;
    case 'set':
      return `rt.set([${term.items.map(constantExpression).join(', ')}])`;
    case 'object':
      if (term.entries.every(([key]) => key.kind === 'string')) {
        return `{${term.entries.map(([key, value]) => `${memberName(constantExpression(key))}: ${constantExpression(value)}`).join(', ')}}`;
      }
      return `rt.object([${term.entries.map(([key, value]) => `[${constantExpression(key)}, ${constantExpression(value)}]`).join(', ')}])`;
    default:
      throw new TypeError(`not a constant: ${term.kind}`);
  }
};
