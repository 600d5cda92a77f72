import type { Body, CallTerm, Expr, RefTerm, Rule, Term, With } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { hoistDynamicTerms } from '../passes/dynamic-terms.ts';
import { mapTerm } from '../passes/transform.ts';
import { printOperator, printTerm } from '../print.ts';
import { bounded } from './bounded.ts';
import { declaration } from './builtins.ts';
import { constantKey } from './constant.ts';
import type { DocumentType } from './document-type.ts';
import { TypeEnvironment } from './environment.ts';
import { elementOf, isAnything, isUnknown, keysOf, select, unifies, union, valuesOf } from './operations.ts';
import { overrideAt } from './override.ts';
import { comprehensionsIn, partsOf } from './parts.ts';
import type { Comprehension } from './parts.ts';
import { printSignature, printType } from './print.ts';
import { RefChecker } from './reference.ts';
import type { TermTypes } from './reference.ts';
import { ANY, arrayOf, BOOLEAN, NULL, NUMBER, setOf, STRING, stringKey, tuple } from './type.ts';
import type { ConstantKey, FunctionType, ObjectType, Type } from './type.ts';

type MaybeType = Type | undefined;

interface CheckedClosure {
  /** Where it stands. */
  readonly outer: TypeEnvironment;
  /** What its body knows. */
  readonly inner: TypeEnvironment;
  readonly problems: readonly Diagnostic[];
}

/** A problem, and whether it may only be an echo of another: something in it had no type. */
interface TypeProblem {
  readonly diagnostic: Diagnostic;
  readonly unknown: boolean;
}

/** How many variables of passes one message shows as what was written: those inside of others can double with every level. */
const MAX_SUBJECTS = 64;

/** Says which rules depend on what `with` replaces, by the paths of their types below `data`. */
export type DependentsOf = (target: RefTerm) => readonly (readonly ConstantKey[])[];

/**
 * Infers the types of rules, and reports what can never succeed. Rules must come in an order in which every one stands
 * behind those that it depends on, with bodies in evaluation order.
 */
export class TypeChecker {
  readonly diagnostics: Diagnostic[] = [];
  readonly environment = new TypeEnvironment();
  /** Comprehensions are checked once where they stand, however often their type is asked for. */
  readonly #closures = new WeakMap<Comprehension, CheckedClosure>();
  readonly #dependents: DependentsOf;
  /** Whether a comprehension is checked in a place where it does not stand. */
  #displaced = false;
  /** What passes put into variables of their own: messages show that in place of the variable. */
  readonly #subjects = new Map<string, Term>();

  readonly #termTypes: TermTypes = {
    unifyKey: (env, key, keys) => this.#unify1(env, key, keys, false),
  };

  /** `input` is the type of the input, where that is known. */
  constructor(dependents: DependentsOf, input?: Type) {
    this.#dependents = dependents;
    if (input !== undefined) this.environment.documents.put([stringKey('input')], input);
  }

  /**
   * Checks one rule without its `else`s, and makes its type known to the rules behind it. `documents` says what schemas say of
   * documents for this rule alone.
   */
  rule(rule: Rule, documents: readonly DocumentType[] = []): void {
    this.#subjects.clear();
    const outer = documents.length === 0 ? this.environment : this.#withSchemas(rule, documents);
    const { env, problems } = this.#body(outer, hoistDynamicTerms(rule.body));
    this.diagnostics.push(...problems);
    const path = rule.head.ref.path;
    const dynamic = path.findIndex((part) => part.kind === 'var');
    const ground = [rootKey, ...(dynamic < 0 ? path : path.slice(0, dynamic)).map((part) => constantKey(part) ?? '')];
    if (problems.length > 0) {
      // Whatever uses a faulty rule is not to be blamed for it.
      this.environment.documents.put(ground, ANY);
      return;
    }
    const type = this.#ruleType(rule, env, dynamic < 0 ? [] : path.slice(dynamic));
    if (type !== undefined) this.environment.documents.insert(ground, type);
  }

  #withSchemas(rule: Rule, documents: readonly DocumentType[]): TypeEnvironment {
    const env = this.environment.wrap();
    for (const document of documents) {
      if (!document.ok) {
        this.diagnostics.push(typeError(document.message, rule.location));
        continue;
      }
      const { path, type } = document;
      if (path.head.kind !== 'var') continue;
      const known = env.refType({ ...path, path: [] });
      if (known === undefined && path.path.length > 0) continue;
      const changed = overrideAt(known ?? ANY, path.path, type);
      if (changed !== undefined) env.documents.put([stringKey(path.head.name)], changed);
      else this.diagnostics.push(typeError('error getting key from value: the path is not constant', rule.location));
    }
    return env;
  }

  #ruleType(rule: Rule, env: TypeEnvironment, dynamic: readonly Term[]): MaybeType {
    const { head } = rule;
    if (head.rule === 'function') {
      for (const arg of head.args ?? []) assumeAny(env, arg);
      return {
        kind: 'function',
        args: (head.args ?? []).map((arg) => this.typeOf(env, arg)),
        variadic: undefined,
        result: head.value && this.typeOf(env, head.value),
      };
    }
    const key = head.key && this.typeOf(env, head.key);
    let type = head.value === undefined ? key && setOf(key) : this.typeOf(env, head.value);
    for (const part of dynamic.toReversed()) {
      const partType = this.typeOf(env, part);
      if (type === undefined || partType === undefined) return undefined;
      type = { kind: 'object', properties: new Map(), rest: { key: partType, value: type } };
    }
    return type;
  }

  #body(outer: TypeEnvironment, body: Body): { env: TypeEnvironment; problems: readonly Diagnostic[] } {
    const env = outer.wrap();
    const problems: Diagnostic[] = [];
    for (const expr of body) this.#expr(env, expr, problems);
    return { env, problems };
  }

  #expr(bodyEnv: TypeEnvironment, expr: Expr, problems: Diagnostic[]): void {
    const env = expr.with.length === 0 ? bodyEnv : this.#withEnv(bodyEnv, expr);
    const { term } = expr;
    if (expr.generated === true) this.#rememberSubject(term);
    const before = problems.length;
    const { closures, refs } = partsOf(expr);
    for (const closure of closures) {
      problems.push(...this.#closure(env, closure).problems);
      if (this.#displaced) continue;
      // As in OPA what is inside of a comprehension is checked once more as if it stood outside, where it may know less
      // of its variables. Once: what OPA finds beyond that is the same.
      this.#displaced = true;
      for (const inner of comprehensionsIn(closure)) problems.push(...this.#body(env, inner.body).problems);
      this.#displaced = false;
    }
    for (const ref of refs) problems.push(...this.#ref(env, ref));
    // As in OPA, calls in the bodies of `every`, `not`, `and` and `or` are not checked: only their references are.
    const problem =
      this.#replacements(env, expr.with) ?? (term.kind === 'call' ? this.#call(env, expr, term) : undefined);
    if (problem !== undefined && !(problem.unknown && problems.length > before)) problems.push(problem.diagnostic);
  }

  #rememberSubject(term: Expr['term']): void {
    if (term.kind !== 'call') return;
    const [left, right] = term.args;
    const output = term.args.at(-1);
    if (term.operator[0] === 'eq' && left?.kind === 'var' && right !== undefined) {
      this.#subjects.set(left.name, right);
    } else if (output?.kind === 'var') {
      this.#subjects.set(output.name, { ...term, args: term.args.slice(0, -1) });
    }
  }

  /** A reference as it was written, before passes moved parts of it into variables. */
  #written(ref: RefTerm): string {
    let left = MAX_SUBJECTS;
    const original = (term: Term): Term => {
      const subject = term.kind === 'var' && left > 0 ? this.#subjects.get(term.name) : undefined;
      if (subject === undefined) return term;
      left--;
      return mapTerm(subject, { term: original });
    };
    return printTerm(mapTerm(ref, { term: original }));
  }

  #closure(env: TypeEnvironment, term: Comprehension): CheckedClosure {
    const known = this.#closures.get(term);
    if (known?.outer === env) return known;
    const { env: inner, problems } = this.#body(env, term.body);
    const checked = { outer: env, inner, problems };
    this.#closures.set(term, checked);
    return checked;
  }

  #withEnv(env: TypeEnvironment, expr: Expr): TypeEnvironment {
    let layered = env;
    const replaced: [readonly ConstantKey[], Type][] = [];
    for (const { target, value } of expr.with) {
      if (target.kind !== 'ref' || target.head.kind !== 'var') continue;
      const type = this.#operatorType(env, target);
      const isFunction = type?.kind === 'function';
      const own = groundPath(target);
      const dependents = this.#dependents(target).filter((path) => !isFunction || path.join() !== own.join());
      if (dependents.length > 0) {
        layered = layered.wrapWith();
        for (const path of dependents) layered.documents.put(path, ANY);
      }
      if (isFunction) continue;
      const ground = own.length === target.path.length + 1;
      const valueType = this.typeOf(env, value);
      const both = ground && type !== undefined && valueType !== undefined ? union(type, valueType) : ANY;
      replaced.push([own, both ?? ANY]);
    }
    if (replaced.length === 0) return layered;
    layered = layered.wrapWith();
    for (const [path, type] of replaced) layered.documents.put(path, type);
    return layered;
  }

  /** What a reference to a document or a function is. */
  #operatorType(env: TypeEnvironment, ref: RefTerm): MaybeType {
    const name =
      ref.head.kind === 'var' ? [ref.head.name, ...ref.path.map((p) => (p.kind === 'string' ? p.value : ''))] : [];
    return declaration(name.join('.'))?.type ?? env.refType(ref);
  }

  #replacements(env: TypeEnvironment, withs: readonly With[]): TypeProblem | undefined {
    for (const { target, value, location } of withs) {
      if (target.kind !== 'ref' || value.kind !== 'ref') continue;
      const type = this.#operatorType(env, target);
      const other = this.#operatorType(env, value);
      if (type?.kind !== 'function' || other?.kind !== 'function' || unifies(type, other)) continue;
      return argumentProblem(printTerm(target), 'arity mismatch', other.args, type, location);
    }
    return undefined;
  }

  #call(env: TypeEnvironment, expr: Expr, call: CallTerm): TypeProblem | undefined {
    const name = call.operator.join('.');
    const [left, right] = call.args;
    if (name === 'eq' || (name === 'equal' && call.args.length === 2)) {
      if (left === undefined || right === undefined || call.args.length !== 2) {
        const type = declaration('eq')?.type;
        const have = call.args.map((arg) => this.typeOf(env, arg));
        const which = call.args.length < 2 ? 'too few arguments' : 'too many arguments';
        return type && argumentProblem('eq', which, have, type, expr.location);
      }
      const [a, b] = [this.typeOf(env, left), this.typeOf(env, right)];
      return this.#unify2(env, left, a, right, b) ? undefined : matchProblem(a, b, expr.location);
    }
    if (name === 'internal.member_2' || name === 'internal.member_3') {
      const problem = this.#member(env, expr, call, name === 'internal.member_3' ? 3 : 2);
      if (problem !== undefined) return problem;
    }
    return this.#arguments(env, expr, call);
  }

  #member(env: TypeEnvironment, expr: Expr, call: CallTerm, arity: 2 | 3): TypeProblem | undefined {
    const collection = call.args[arity - 1];
    const value = call.args[arity - 2];
    if (collection === undefined || value === undefined) return undefined;
    const type = this.typeOf(env, collection);
    const values = valuesOf(type);
    if (values === undefined) return undefined;
    const check = (term: Term, expected: MaybeType): TypeProblem | undefined => {
      if (expected === undefined || isUnknown(expected)) return undefined;
      const have = this.typeOf(env, term);
      if ((isUnknown(have) || unifies(have, expected)) && this.#unify1(env, term, expected, false)) return undefined;
      return matchProblem(have, expected, expr.location);
    };
    const [key] = call.args;
    return (arity === 3 && key !== undefined ? check(key, keysOf(type)) : undefined) ?? check(value, values);
  }

  #arguments(env: TypeEnvironment, expr: Expr, call: CallTerm): TypeProblem | undefined {
    const name = printOperator(call);
    const type = declaration(call.operator.join('.'))?.type ?? env.refType(operatorRef(call));
    if (type !== undefined && isAnything(type)) return undefined;
    if (type?.kind !== 'function') {
      return { diagnostic: typeError(`undefined function ${name}`, expr.location), unknown: false };
    }
    const expected = type.result === undefined ? type.args : [...type.args, type.result];
    const { args } = call;
    const have = args.map((arg) => this.typeOf(env, arg));
    if (args.length > expected.length && type.variadic === undefined) {
      return argumentProblem(name, 'too many arguments', have, type, expr.location);
    }
    if (args.length < type.args.length) return argumentProblem(name, 'too few arguments', have, type, expr.location);
    for (const [index, arg] of args.entries()) {
      const want = index < expected.length ? expected[index] : type.variadic;
      if (have[index] !== undefined && !isUnknown(have[index]) && !unifies(have[index], want)) {
        return argumentProblem(name, 'invalid argument(s)', have, type, expr.location);
      }
      if (!this.#unify1(env, arg, want, false)) {
        const now = args.map((one) => this.typeOf(env, one));
        return argumentProblem(name, 'invalid argument(s)', now, type, expr.location);
      }
    }
    return undefined;
  }

  /** The type of a term where it is known. */
  typeOf(env: TypeEnvironment, term: Term): MaybeType {
    switch (term.kind) {
      case 'null':
        return NULL;
      case 'boolean':
        return BOOLEAN;
      case 'number':
        return NUMBER;
      case 'string':
      case 'template-string':
        return STRING;
      case 'var':
        // As in OPA a variable that nothing declares is taken for the built-in of its name, except where a body renamed it.
        return env.varType(term.name) ?? declaration(term.name)?.type;
      case 'ref':
        return this.#operatorType(env, term);
      case 'array':
        return bounded(tuple(term.items.map((item) => this.typeOf(env, item))));
      case 'object':
        return bounded(this.#objectType(env, term.entries));
      case 'set':
        return bounded(
          setOf(term.items.reduce<MaybeType>((all, item) => union(all, this.typeOf(env, item)), undefined)),
        );
      case 'array-comprehension':
      case 'set-comprehension':
      case 'object-comprehension':
        return this.#closureType(env, term);
      case 'call':
        return undefined;
      default:
        return term satisfies never;
    }
  }

  #objectType(env: TypeEnvironment, entries: readonly (readonly [Term, Term])[]): ObjectType {
    const properties = new Map<ConstantKey, MaybeType>();
    let rest: ObjectType['rest'];
    for (const [key, value] of entries) {
      const constant = constantKey(key);
      if (constant === undefined) rest = { key: this.typeOf(env, key), value: this.typeOf(env, value) };
      else properties.set(constant, this.typeOf(env, value));
    }
    return { kind: 'object', properties, rest };
  }

  #closureType(env: TypeEnvironment, term: Comprehension): MaybeType {
    const { inner, problems } = this.#closure(env, term);
    if (problems.length > 0) return undefined;
    if (term.kind === 'object-comprehension') {
      const rest = { key: this.typeOf(inner, term.key), value: this.typeOf(inner, term.value) };
      return bounded({ kind: 'object', properties: new Map(), rest });
    }
    const of = this.typeOf(inner, term.term);
    if (term.kind === 'set-comprehension') return bounded(setOf(of));
    return of === undefined ? tuple([]) : bounded(arrayOf(of));
  }

  /** Whether two sides of an equation can be equal; variables without a type get one. */
  #unify2(env: TypeEnvironment, a: Term, typeA: MaybeType, b: Term, typeB: MaybeType): boolean {
    const unknownA = isUnknown(typeA);
    const unknownB = isUnknown(typeB);
    if (unknownA && !unknownB) return this.#unify1(env, a, typeB, false);
    if (unknownB && !unknownA) return this.#unify1(env, b, typeA, false);
    if (!unknownA && !unknownB) return unifies(typeA, typeB);
    switch (a.kind) {
      case 'array':
        return this.#unifyArrays(env, a, b);
      case 'object':
        return this.#unifyObjects(env, a, b);
      case 'var':
        if (b.kind === 'var') {
          return this.#unify1(env, a, ANY, false) && this.#unify1(env, b, this.typeOf(env, a), false);
        }
        if (b.kind === 'array') return this.#unifyArrays(env, b, a);
        if (b.kind === 'object') return this.#unifyObjects(env, b, a);
        break;
      default:
    }
    if (a.kind === 'var' && typeA === undefined && typeB !== undefined) return this.#unify1(env, a, typeB, false);
    if (b.kind === 'var' && typeB === undefined && typeA !== undefined) return this.#unify1(env, b, typeA, false);
    return false;
  }

  #unifyArrays(env: TypeEnvironment, a: Extract<Term, { kind: 'array' }>, b: Term): boolean {
    if (b.kind === 'var') return this.#unify1(env, a, ANY, false) && this.#unify1(env, b, this.typeOf(env, a), false);
    if (b.kind !== 'array' || a.items.length !== b.items.length) return false;
    return a.items.every((item, index) => {
      const other = b.items[index];
      return other !== undefined && this.#unify2(env, item, this.typeOf(env, item), other, this.typeOf(env, other));
    });
  }

  #unifyObjects(env: TypeEnvironment, a: Extract<Term, { kind: 'object' }>, b: Term): boolean {
    if (b.kind === 'var') return this.#unify1(env, a, ANY, false) && this.#unify1(env, b, this.typeOf(env, a), false);
    if (b.kind !== 'object' || a.entries.length !== b.entries.length) return false;
    const others = new Map(b.entries.map(([key, value]) => [printTerm(key), value]));
    return a.entries.every(([key, value]) => {
      const other = others.get(printTerm(key));
      return other !== undefined && this.#unify2(env, value, this.typeOf(env, value), other, this.typeOf(env, other));
    });
  }

  /** Whether a term can be of a type; variables in it without a type get one. `widen`: the type is one of several. */
  #unify1(env: TypeEnvironment, term: Term, type: MaybeType, widen: boolean): boolean {
    switch (term.kind) {
      case 'array':
      case 'object':
      case 'set':
        return this.#unifyComposite(env, term, type, widen);
      case 'var': {
        const known = this.typeOf(env, term);
        if (widen) {
          env.vars.set(term.name, union(known, type));
        } else if (known !== undefined) {
          return unifies(known, type);
        } else {
          env.vars.set(term.name, type);
        }
        return true;
      }
      default:
        return unifies(this.typeOf(env, term), type);
    }
  }

  #unifyComposite(
    env: TypeEnvironment,
    term: Extract<Term, { kind: 'array' | 'object' | 'set' }>,
    type: MaybeType,
    widen: boolean,
  ): boolean {
    if (type === undefined) return false;
    const parts = term.kind === 'object' ? term.entries.flat() : term.items;
    if (type.kind === 'any') {
      if (isAnything(type)) {
        for (const part of parts) this.#unify1(env, part, ANY, true);
        return true;
      }
      // Every alternative may tell something of the variables, so all are tried.
      return type.of.filter((one) => this.#unify1(env, term, one, true)).length > 0;
    }
    if (term.kind === 'array' && type.kind === 'array') {
      if (term.items.length !== type.items.length && type.rest === undefined) return false;
      return term.items.every((item, index) => this.#unify1(env, item, elementOf(type, index), widen));
    }
    if (term.kind === 'set' && type.kind === 'set') {
      return term.items.every((item) => this.#unify1(env, item, type.of, widen));
    }
    if (term.kind === 'object' && type.kind === 'object') return this.#unifyEntries(env, term.entries, type, widen);
    return false;
  }

  #unifyEntries(
    env: TypeEnvironment,
    entries: readonly (readonly [Term, Term])[],
    type: ObjectType,
    widen: boolean,
  ): boolean {
    if (entries.length !== type.properties.size && type.rest?.value === undefined) return false;
    return entries.every(([key, value]) => {
      const constant = constantKey(key);
      if (constant === undefined) {
        this.#unify1(env, value, ANY, widen);
        return true;
      }
      const child = select(type, key);
      return child !== undefined && this.#unify1(env, value, child, widen);
    });
  }

  /** What is wrong with a reference: functions are no values, and keys that nothing has select nothing. */
  #ref(env: TypeEnvironment, ref: RefTerm): Diagnostic[] {
    const { location } = ref.head;
    if (this.#operatorType(env, ref)?.kind === 'function') {
      return [typeError(`function ${this.#written(ref)} used as reference, not called`, location)];
    }
    const selected = new RefChecker(env, this.#termTypes).check(ref);
    return selected ? [] : [typeError(`undefined ref: ${this.#written(ref)}`, location)];
  }
}

const rootKey = stringKey('data');

/** The constant start of a reference, its root included. */
const groundPath = ({ head, path }: RefTerm): ConstantKey[] => {
  const keys = [stringKey(head.kind === 'var' ? head.name : '')];
  for (const part of path) {
    const key = constantKey(part);
    if (key === undefined) break;
    keys.push(key);
  }
  return keys;
};

const operatorRef = (call: CallTerm): RefTerm => {
  const [name = '', ...rest] = call.operator;
  const { location } = call;
  const path = rest.map((value): Term => ({ kind: 'string', value, location }));
  return call.operatorRef ?? { kind: 'ref', head: { kind: 'var', name, location }, path, location };
};

const assumeAny = (env: TypeEnvironment, arg: Term): void => {
  switch (arg.kind) {
    case 'var':
      if (env.varType(arg.name) === undefined) env.vars.set(arg.name, ANY);
      return;
    case 'array':
    case 'set':
      for (const item of arg.items) assumeAny(env, item);
      return;
    case 'object':
      for (const part of arg.entries.flat()) assumeAny(env, part);
      return;
    default:
  }
};

const typeError = (message: string, location: Location): Diagnostic => ({ code: 'rego_type_error', message, location });

const matchProblem = (a: MaybeType, b: MaybeType, location: Location): TypeProblem => ({
  diagnostic: typeError(`match error\n\tleft  : ${printType(a)}\n\tright : ${printType(b)}`, location),
  unknown: isUnknown(a) || isUnknown(b),
});

const argumentProblem = (
  name: string,
  what: string,
  have: readonly MaybeType[],
  want: FunctionType,
  location: Location,
): TypeProblem => ({
  diagnostic: typeError(
    `${name}: ${what}\n\thave: (${have.map(printType).join(', ')})\n\twant: ${printSignature(want)}`,
    location,
  ),
  unknown: have.some(isUnknown),
});
