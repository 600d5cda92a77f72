import type { Body, CallTerm, Expr, RefTerm, Term } from '../ast.ts';
import { isEquation, isTerm } from '../passes/expand.ts';
import { partOf, type Segment, type TracePlaces } from '../trace/places.ts';
import { isScalar } from '../parser/head.ts';
import {
  basePath,
  childAt,
  constantPath,
  dottedName,
  isGroup,
  type GroupOutline,
  type TreeOutline,
} from './documents.ts';
import { functionGroup, groupAt, LoweringError, type CallTurns, type PlanContext } from './context.ts';
import type { Block, LocalId, Operand, Override, Replacement, Step } from './ir.ts';
import { isBaseRef, isSwapped, kindGuard } from './comprehension-kind.ts';
import { inTermOrder } from './term-order.ts';
import { isConstant } from '../types/constant.ts';
import { isEvaluated, unreachable, type Locals, type Pattern } from './pattern.ts';
import { unify, unifyPatterns, type UnificationHost } from './unification.ts';

/** True for `=`, and for `==`: behind the safety pass OPA takes one for the other. */
const unifies = (call: CallTerm): boolean =>
  isEquation(call) || (call.operator[0] === 'equal' && call.operator.length === 1 && call.args.length === 2);

/** Lowers one body: appends steps to a block, and descends into the block of every loop that it opens. */
export class BodyLowering {
  readonly #context: PlanContext;
  readonly #locals: Locals;
  readonly #bound: Map<string, Operand>;
  /** How many loops are around the block in which this one started. */
  readonly #outerLoops: number;
  readonly #unification: UnificationHost = {
    add: (step) => {
      this.add(step);
    },
    resolve: (pattern) => this.resolve(pattern),
    store: (operand) => this.#store(operand),
    bind: (name, operand) => {
      this.#bound.set(name, operand);
    },
  };
  #block: Step[];
  #scans = 0;

  constructor(
    context: PlanContext,
    locals: Locals,
    block: Step[],
    bound: ReadonlyMap<string, Operand>,
    outerLoops: number,
  ) {
    this.#context = context;
    this.#locals = locals;
    this.#block = block;
    this.#bound = new Map(bound);
    this.#outerLoops = outerLoops;
  }

  /** True once what follows runs more than once. */
  get many(): boolean {
    return this.#scans > 0;
  }

  /** How many loops are around what follows. */
  get #loops(): number {
    return this.#outerLoops + this.#scans;
  }

  get bound(): ReadonlyMap<string, Operand> {
    return this.#bound;
  }

  add(step: Step): void {
    this.#block.push(step);
  }

  /** Literals in order. */
  body(body: Body): void {
    const { trace } = this.#context;
    if (trace === undefined) for (const expr of body) this.expr(expr);
    else for (const segment of trace.segments(body)) this.#traced(trace, segment);
  }

  /** The literals of a segment, between steps that tell of them. */
  #traced(trace: TracePlaces, { place, exprs, vars, ends }: Segment): void {
    if (place === undefined) {
      for (const expr of exprs) this.expr(expr);
      return;
    }
    this.add({ kind: 'trace', event: 'eval', place, values: this.known(vars) });
    trace.inside(place, () => {
      for (const expr of exprs) {
        this.expr(expr);
        const part = expr.generated === true && expr.term.kind === 'call' ? partOf(expr.term) : undefined;
        const value = part === undefined ? undefined : this.#bound.get(part.name);
        if (value === undefined) continue;
        this.add({ kind: 'trace', event: 'note', place, values: [[trace.text(expr.term.location), value]] });
      }
    });
    if (ends) this.add({ kind: 'trace', event: 'done', place, values: this.known(vars) });
  }

  /** What variables are so far, by the names to show. */
  known(vars: ReadonlyMap<string, string>): readonly (readonly [name: string, value: Operand])[] {
    return [...vars].flatMap(([name, shown]) => {
      const value = this.#bound.get(name);
      return value === undefined ? [] : [[shown, value] as const];
    });
  }

  expr(expr: Expr): void {
    if (expr.with.length > 0) this.#with(expr);
    else if (expr.negated) this.#negated(expr);
    else this.#literal(expr);
  }

  /**
   * Legacy `not`: OPA computes what an operand holds (refs in brackets, arguments of calls, members of composites) in
   * front of the negation, so that it fails where one of them is undefined.
   */
  #negated(expr: Expr): void {
    const { term } = expr;
    let literal = expr;
    if (term.kind === 'call') {
      const equation = unifies(term);
      const args = term.args.map((arg) => (equation ? this.#hoistInside(arg) : this.#hoist(arg)));
      literal = { ...expr, term: { ...term, args } };
    } else if (isTerm(term)) literal = { ...expr, term: this.#hoistInside(term) };
    this.add({ kind: 'not', body: this.#nested((inner) => inner.#literal(literal)) });
  }

  /** A ref or comprehension stays, what is inside of it is hoisted; any other term is hoisted. */
  #hoistInside(term: Term): Term {
    if (term.kind === 'ref') return { ...term, path: term.path.map((part) => this.#hoist(part)) };
    return isEvaluated(term) ? term : this.#hoist(term);
  }

  /** Computes refs and comprehensions now, and puts vars in their place. */
  #hoist(term: Term): Term {
    switch (term.kind) {
      case 'array':
      case 'set':
        return { ...term, items: term.items.map((item) => this.#hoist(item)) };
      case 'object':
        return { ...term, entries: term.entries.map(([k, v]) => [this.#hoist(k), this.#hoist(v)] as const) };
      case 'ref':
      case 'array-comprehension':
      case 'set-comprehension':
      case 'object-comprehension': {
        // No other var is called like this: names end where `#` would start.
        const name = `#${String(this.#locals.next)}`;
        this.#bound.set(name, this.#store(this.#evaluate(term)));
        return { kind: 'var', name, location: term.location };
      }
      default:
        return term;
    }
  }

  #literal(expr: Expr): void {
    const { term } = expr;
    switch (term.kind) {
      case 'every':
        this.#every(term.key, term.value, term.domain, term.body);
        return;
      case 'not-body':
        this.add({ kind: 'not', body: this.#nested((inner) => inner.body(term.body)) });
        return;
      case 'and':
        this.add({ kind: 'either', blocks: [this.#nested((inner) => inner.body(term.left))] });
        this.add({ kind: 'either', blocks: [this.#nested((inner) => inner.body(term.right))] });
        return;
      case 'or':
        this.add({
          kind: 'either',
          blocks: [term.left, term.right].map((body) => this.#nested((inner) => inner.body(body))),
        });
        return;
      case 'some':
        throw new LoweringError('declarations are resolved before lowering');
      case 'call':
        if (unifies(term)) this.#equation(term);
        else this.#call(term);
        return;
      case 'boolean':
        if (!term.value) this.add({ kind: 'fail' });
        return;
      default:
        this.add({ kind: 'test', value: this.#evaluate(term) });
    }
  }

  /** A block of its own: sees what is bound, binds nothing here, and ends in success. */
  #nested(lower: (inner: BodyLowering) => void): Block {
    const block: Step[] = [];
    const inner = this.#child(block);
    lower(inner);
    inner.add({ kind: 'succeed' });
    return block;
  }

  #child(block: Step[]): BodyLowering {
    return new BodyLowering(this.#context, this.#locals, block, this.#bound, this.#loops);
  }

  #fresh(): LocalId {
    return this.#locals.fresh(this.#loops > 0);
  }

  // Terms

  /** Evaluates what is inside a term, from left to right. */
  prepare(term: Term): Pattern {
    if (isConstant(term)) return { kind: 'operand', operand: { kind: 'constant', term } };
    switch (term.kind) {
      case 'var':
        return { kind: 'var', name: term.name };
      case 'array':
        return { kind: 'array', items: term.items.map((item) => this.prepare(item)) };
      case 'set':
        return { kind: 'set', items: inTermOrder(term.items, (item) => item).map((item) => this.prepare(item)) };
      case 'object':
        return {
          kind: 'object',
          entries: inTermOrder(term.entries, ([key]) => key).map(
            ([key, value]) => [this.prepare(key), this.prepare(value)] as const,
          ),
        };
      default:
        return { kind: 'operand', operand: this.#store(this.#evaluate(term)) };
    }
  }

  /** The value of a pattern, or undefined while it holds an unbound var. */
  resolve(pattern: Pattern): Operand | undefined {
    switch (pattern.kind) {
      case 'operand':
        return pattern.operand;
      case 'var':
        return this.#bound.get(pattern.name);
      case 'array':
      case 'set': {
        const items = this.#resolveAll(pattern.items);
        return items === undefined ? undefined : { kind: pattern.kind, items };
      }
      case 'object': {
        const keys = this.#resolveAll(pattern.entries.map(([key]) => key));
        const values = this.#resolveAll(pattern.entries.map(([, value]) => value));
        if (keys === undefined || values === undefined) return undefined;
        return {
          kind: 'object',
          entries: keys.flatMap((key, index) => {
            const value = values[index];
            return value === undefined ? [] : [[key, value] as const];
          }),
        };
      }
      default:
        return pattern satisfies never;
    }
  }

  #resolveAll(patterns: readonly Pattern[]): readonly Operand[] | undefined {
    const operands: Operand[] = [];
    for (const pattern of patterns) {
      const operand = this.resolve(pattern);
      if (operand === undefined) return undefined;
      operands.push(operand);
    }
    return operands;
  }

  /** The value of a term all of whose vars are bound. */
  value(term: Term): Operand {
    const operand = this.resolve(this.prepare(term));
    if (operand === undefined) throw new LoweringError('a value is needed before its vars are bound');
    return operand;
  }

  /** The value of a ref, a comprehension or any other term; it may be undefined. */
  #evaluate(term: Term): Operand {
    switch (term.kind) {
      case 'ref':
        return this.#ref(term);
      case 'array-comprehension':
        return this.#collect('array', undefined, term.term, term.body, term);
      case 'set-comprehension':
        return this.#collect('set', undefined, term.term, term.body, term);
      case 'object-comprehension':
        return this.#collect('object', term.key, term.value, term.body, term);
      case 'call':
      case 'template-string':
        throw new LoweringError('calls are hoisted before lowering');
      default:
        return this.value(term);
    }
  }

  /** Keeps a value in a local; fails here if it is undefined. */
  #store(operand: Operand): Operand {
    if (operand.kind === 'local' || operand.kind === 'constant') return operand;
    const local = this.#fresh();
    this.add({ kind: 'bind', local, value: operand });
    return { kind: 'local', id: local };
  }

  #collect(into: 'array' | 'set' | 'object', key: Term | undefined, value: Term, body: Body, term: Term): Operand {
    const local = this.#fresh();
    const block: Step[] = [];
    const inner = this.#child(block);
    inner.body(body);
    const keyOperand = key === undefined ? undefined : inner.value(key);
    inner.add({ kind: 'yield', local, key: keyOperand, value: inner.value(value) });
    this.add({ kind: 'collect', into, local, body: block, location: term.location });
    return { kind: 'local', id: local };
  }

  // Refs

  #ref(ref: RefTerm): Operand {
    if (ref.head.kind !== 'var') return this.#steps(this.#store(this.#evaluate(ref.head)), ref.path);
    const { name } = ref.head;
    const local = this.#bound.get(name);
    if (local !== undefined) return this.#steps(local, ref.path);
    if (name === 'input') return this.#steps({ kind: 'input' }, ref.path);
    if (name === 'data') return this.#data(ref.path);
    throw new LoweringError(`the head of a ref is not bound: ${name}`);
  }

  #steps(from: Operand, path: readonly Term[], document = false): Operand {
    let value = from;
    for (const part of path) value = this.#step(value, part, document);
    return document ? { kind: 'force', of: value } : value;
  }

  #step(from: Operand, part: Term, document: boolean): Operand {
    const pattern = this.prepare(part);
    const key = this.resolve(pattern);
    if (key !== undefined) return { kind: 'member', of: from, key, document };
    // An undefined or scalar `from` is a loop without turns: no need to test it first.
    const over = from;
    const value = this.#locals.fresh(true);
    const keyLocal = this.#locals.fresh(true);
    this.#scan({ over, key: keyLocal, value, document });
    this.unify(pattern, { kind: 'local', id: keyLocal });
    return { kind: 'local', id: value };
  }

  #scan(scan: {
    readonly over: Operand;
    readonly key: LocalId | undefined;
    readonly value: LocalId | undefined;
    readonly document: boolean;
    readonly relation?: boolean;
  }): void {
    const body: Step[] = [];
    this.add({ kind: 'scan', ...scan, body });
    this.#block = body;
    this.#scans++;
  }

  #data(path: readonly Term[]): Operand {
    let tree: TreeOutline = this.#context.documents.root;
    for (let index = 0; index < path.length; index++) {
      const part = path[index];
      if (part === undefined) break;
      const constant = this.#scalar(part);
      if (constant === undefined) {
        return this.#steps({ kind: 'lazy', tree: tree.id }, path.slice(index), true);
      }
      const child = childAt(tree, constant);
      if (child === undefined) return this.#base(tree, path, index);
      if (isGroup(child.target)) return this.#group(child.target, path.slice(index + 1));
      tree = child.target;
    }
    return { kind: 'tree', tree: tree.id };
  }

  /** A ref that leaves the tree of rules at `index`: from there on it is base documents. */
  #base(tree: TreeOutline, path: readonly Term[], index: number): Operand {
    const above = basePath(tree.path);
    if (above === undefined) return this.#nothing();
    const names = [...above];
    let next = index;
    for (; next < path.length; next++) {
      const part = path[next];
      const constant = part === undefined ? undefined : this.#scalar(part);
      if (constant?.kind !== 'string') break;
      names.push(constant.value);
    }
    return this.#steps({ kind: 'base', path: names }, path.slice(next));
  }

  /** The scalar that a part is for sure. */
  #scalar(part: Term): Term | undefined {
    if (isScalar(part)) return part;
    if (part.kind !== 'var') return undefined;
    const bound = this.#bound.get(part.name);
    return bound?.kind === 'constant' && isScalar(bound.term) ? bound.term : undefined;
  }

  #nothing(): Operand {
    this.add({ kind: 'fail' });
    return { kind: 'constant', term: unreachable };
  }

  #group(group: GroupOutline, rest: readonly Term[]): Operand {
    if (group.kind === 'function') return this.#nothing();
    const whole: Operand = { kind: 'group', group: group.id, fixed: this.#context.isFixed(group) };
    if (group.kind === 'complete') return this.#steps(whole, rest);
    const keys = this.#leadingKeys(group, rest);
    if (keys.length === 0) return this.#steps(whole, rest);
    this.#context.onRestriction(group.id, keys.length);
    return this.#steps({ kind: 'restricted', group: group.id, keys }, rest);
  }

  /** The known keys that a ref into a partial document starts with; none if asking for the whole pays. */
  #leadingKeys(group: GroupOutline, rest: readonly Term[]): readonly Operand[] {
    const depth = group.path.length;
    const most = Math.max(
      ...group.rules.map((rule) => rule.head.ref.path.length - depth + (rule.head.rule === 'set' ? 1 : 0)),
      0,
    );
    const keys: Operand[] = [];
    for (const part of rest.slice(0, most)) {
      if (part.kind !== 'var' && !isConstant(part)) break;
      const operand = this.resolve(this.prepare(part));
      if (operand === undefined) break;
      // Within a loop over keys, building the document once is cheaper than once per key.
      if (operand.kind === 'local' && this.#locals.varying.has(operand.id)) break;
      keys.push(operand);
    }
    return keys;
  }

  // Unification

  #equation(call: CallTerm): void {
    const [left, right] = call.args;
    if (left === undefined || right === undefined) throw new LoweringError('a unification has two sides');
    const leftEvaluated = isEvaluated(left);
    const rightEvaluated = isEvaluated(right);
    if (leftEvaluated && rightEvaluated) {
      const [first, second] = isSwapped(left, right) ? [right, left] : [left, right];
      const operand = this.#store(this.#evaluate(first));
      const guard = isBaseRef(this.#context.documents, first)
        ? []
        : kindGuard({ kind: 'operand', operand }, operand, second);
      for (const step of guard) this.add(step);
      this.add({ kind: 'equal', left: operand, right: this.#evaluate(second) });
    } else if (leftEvaluated) {
      const pattern = this.prepare(right);
      this.unify(pattern, this.#evaluate(left));
    } else if (rightEvaluated) {
      const pattern = this.prepare(left);
      for (const step of kindGuard(pattern, this.resolve(pattern), right)) this.add(step);
      this.unify(pattern, this.#evaluate(right));
    } else {
      unifyPatterns(this.#unification, this.prepare(left), this.prepare(right));
    }
  }

  /** Makes a pattern equal to a value: binds its unbound vars, compares the rest. */
  unify(pattern: Pattern, value: Operand): void {
    unify(this.#unification, pattern, value);
  }

  // Calls

  #call(call: CallTerm): void {
    const name = call.operator.join('.');
    const arity = this.#context.arityOf(call);
    if (arity === undefined) throw new LoweringError(`a call of an unknown function: ${name}`);
    const isVoid = call.target === 'builtin' && this.#context.isVoid(name);
    const inputs = isVoid ? call.args : call.args.slice(0, arity);
    const output = isVoid ? undefined : call.args[arity];
    const patterns = inputs.map((arg) => this.prepare(arg));
    const outputPattern = output === undefined ? undefined : this.prepare(output);
    const args = patterns.map((pattern) => {
      const operand = this.resolve(pattern);
      if (operand === undefined) throw new LoweringError(`an argument of ${name} is not bound`);
      return operand;
    });
    const value = this.#callOperand(call, name, args);
    if (isVoid) {
      this.add({ kind: 'run', value });
    } else if (call.target === 'builtin' && this.#context.isRelation(name)) {
      const results = this.#store(value);
      const result = this.#locals.fresh(true);
      this.#scan({ over: results, key: undefined, value: result, document: false, relation: true });
      if (outputPattern === undefined) this.add({ kind: 'test', value: { kind: 'local', id: result } });
      else this.unify(outputPattern, { kind: 'local', id: result });
    } else if (outputPattern === undefined) {
      this.add({ kind: 'test', value });
    } else {
      this.unify(outputPattern, value);
    }
  }

  #turnsOf(args: readonly Operand[]): CallTurns {
    if (this.#loops === 0) return 'once';
    const isMember = args.some((arg) => arg.kind === 'local' && this.#locals.varying.has(arg.id));
    return this.#loops === 1 && isMember ? 'each-member' : 'many';
  }

  #callOperand(call: CallTerm, name: string, args: readonly Operand[]): Operand {
    if (call.target === 'function') {
      const group = functionGroup(this.#context.documents, call);
      if (group === undefined) throw new LoweringError(`a call of an unknown function: ${name}`);
      this.#context.onCall(group.id, this.#turnsOf(args));
      return { kind: 'call', group: group.id, args };
    }
    return { kind: 'builtin', name, args, location: call.location };
  }

  // Closures

  #every(key: Term | undefined, value: Term, domain: Term, body: Body): void {
    const over = this.#store(this.#evaluate(domain));
    const block: Step[] = [];
    const inner = new BodyLowering(this.#context, this.#locals, block, this.#bound, this.#loops + 1);
    const declare = (term: Term | undefined): LocalId | undefined => {
      if (term?.kind !== 'var') return undefined;
      const local = this.#locals.fresh(true);
      inner.#bound.set(term.name, { kind: 'local', id: local });
      return local;
    };
    const keyLocal = declare(key);
    const valueLocal = declare(value);
    inner.body(body);
    inner.add({ kind: 'succeed' });
    this.add({ kind: 'every', over, key: keyLocal, value: valueLocal, body: block });
  }

  #with(expr: Expr): void {
    const overrides = expr.with.map((w): Override => {
      if (w.target.kind !== 'ref') throw new LoweringError('the target of `with` is a ref');
      const path = constantPath(w.target);
      switch (w.targetKind) {
        case 'function':
        case 'builtin':
          return { kind: 'function', slot: this.#slot(dottedName(w.target)), by: this.#replacement(w) };
        case 'data':
          return { kind: 'data', path, value: this.value(w.value) };
        default:
          return { kind: 'input', path, value: this.value(w.value) };
      }
    });
    const block: Step[] = [];
    const inner = this.#child(block);
    const firstNew = this.#locals.next;
    inner.expr({ ...expr, with: [] });
    const exports: LocalId[] = [];
    for (const [name, operand] of inner.#bound) {
      if (this.#bound.has(name)) continue;
      const stored = inner.#store(operand);
      if (stored.kind === 'local' && stored.id >= firstNew) exports.push(stored.id);
      this.#bound.set(name, stored);
    }
    inner.add({ kind: 'succeed' });
    const rest: Step[] = [];
    if (inner.many) this.#scans++;
    this.add({ kind: 'with', overrides, exports, many: inner.many, body: block, rest, location: expr.location });
    this.#block = rest;
  }

  #slot(name: string): number {
    const slot = this.#context.replacements.functions.indexOf(name);
    if (slot < 0) throw new LoweringError(`a replacement that was not announced: ${name}`);
    return slot;
  }

  #replacement(w: Expr['with'][number]): Replacement {
    if (w.valueKind === 'builtin') return { kind: 'builtin', name: dottedName(w.value) };
    if (w.valueKind === 'function') {
      const group = groupAt(this.#context.documents, w.value.kind === 'ref' ? constantPath(w.value) : []);
      if (group === undefined) throw new LoweringError(`an unknown function: ${dottedName(w.value)}`);
      this.#context.onCall(group.id, 'once');
      return { kind: 'function', group: group.id };
    }
    const value = w.valueKind === 'document' ? this.#evaluate(w.value) : this.value(w.value);
    // A part of a document is computed here, as there is no function for it.
    if (value.kind === 'group' || value.kind === 'tree') return { kind: 'document', value };
    return { kind: 'value', value: this.#store(value) };
  }
}
