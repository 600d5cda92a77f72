import type { Body, Expr, RefTerm } from '../ast.ts';
import { hoistDynamicTerms } from '../passes/dynamic-terms.ts';
import { childOf, groundPrefix } from '../passes/rule-tree.ts';
import type { ResolvedRule, RuleTreeNode } from '../passes/unit.ts';
import { chainOf, forEachExpr } from '../passes/walk.ts';
import { constantKey, isConstant } from '../types/constant.ts';
import { BodyRefs, RefTable, type IndexRef, type Membership, type Paths, type RefDemand } from './index-refs.ts';
import type { RefStatistics } from './index-refs.ts';
import type { AdmissionTest, Block, LocalId, Operand, Step } from './ir.ts';
import { isCostless } from './costless.ts';

/** That the value of a ref passes one of some tests. */
export interface AdmissionDemand {
  readonly ref: IndexRef;
  readonly tests: readonly AdmissionTest[];
}

/**
 * When OPA evaluates a rule at all: its rule index leaves out the rules that cannot succeed, so that what goes wrong in
 * them (conflicts, errors of built-ins) does not happen. Only what a body would not find out by itself, before anything
 * can go wrong, is demanded.
 */
export interface Admission {
  /** All of these, and one of `paths`, if there are any. */
  readonly demands: readonly AdmissionDemand[];
  readonly paths: readonly (readonly AdmissionDemand[])[];
  readonly memberships: readonly Membership[];
}

/** What OPA's index says of the rules of one document. */
export interface Admissions {
  /** By rule id, `else`s included. */
  readonly rules: ReadonlyMap<number, Admission>;
  /**
   * Where an index leaves out all rules of one of these lists, the others have one and the same value, so that OPA stops
   * at the first that succeeds; then something that can go wrong in those behind does not.
   */
  readonly exits: readonly Exit[];
}

/** Rules with one and the same value, and when they are the only ones. */
export interface Exit {
  /** Ids of the rules, `else`s included. */
  readonly rules: ReadonlySet<number>;
  /** When an index admits others. */
  readonly others: readonly Admission[];
  /** False if nothing can go wrong behind the first success but in the same rule, if that goes on. */
  readonly isWorthwhile: boolean;
}

/** What OPA's index says of the rules of one document, in their order. */
export const admitRules = (rules: readonly ResolvedRule[], ruleTree: RuleTreeNode): Admissions => {
  const admissions = new Map<number, Admission>();
  const exits: Exit[] = [];
  for (const set of indexSets(rules)) {
    const builder = new AdmissionBuilder(set, ruleTree);
    builder.into(admissions);
    exits.push(...builder.exits());
  }
  return { rules: admissions, exits };
};

/** A place among the constant starts of refs. */
interface Place {
  /** Positions of the rules that sit here. */
  readonly rules: number[];
  /** Whether one of them has a variable in its ref. */
  general: boolean;
  readonly below: Map<string, Place>;
}

/** The rules that share an index: those of one place, and all below it if one of them has a variable in its ref. */
const indexSets = (rules: readonly ResolvedRule[]): readonly (readonly ResolvedRule[])[] => {
  const root: Place = { rules: [], general: false, below: new Map() };
  rules.forEach((rule, index) => {
    const { path } = rule.head.ref;
    const start = groundPrefix(path);
    let place = root;
    for (const part of start) {
      const key = constantKey(part) ?? '';
      let next = place.below.get(key);
      if (next === undefined) place.below.set(key, (next = { rules: [], general: false, below: new Map() }));
      place = next;
    }
    place.rules.push(index);
    if (path.length > start.length) place.general = true;
  });
  const sets: (readonly ResolvedRule[])[] = [];
  const open = [root];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const set = place.general ? rulesBelow(place) : place.rules;
    if (set.length > 0) sets.push(set.flatMap((index) => rules[index] ?? []));
    if (!place.general) open.push(...place.below.values());
  }
  return sets;
};

/** Positions of the rules at and below a place, in order. */
const rulesBelow = (top: Place): readonly number[] => {
  const found: number[] = [];
  const open = [top];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    for (const rule of place.rules) found.push(rule);
    open.push(...place.below.values());
  }
  return found.sort((x, y) => x - y);
};

/** How many rules the exits of one index may name; beyond that there are none, and what is behind them is evaluated. */
export const MAX_EXIT_RULES = 20_000;

interface IndexedRule {
  readonly rule: ResolvedRule;
  readonly refs: BodyRefs;
  readonly paths: Paths;
  /** The position of the first literal in which something can go wrong. */
  readonly risk: number;
}

class AdmissionBuilder {
  readonly #table = new RefTable();
  readonly #statistics = new Map<number, RefStatistics>();
  #consults: boolean | undefined = undefined;
  readonly #rules: readonly IndexedRule[];
  /** The places of refs in the order in which OPA asks for them: only of those that some rule compares with a value. */
  readonly #levels: ReadonlyMap<number, number>;

  constructor(rules: readonly ResolvedRule[], ruleTree: RuleTreeNode) {
    const isVirtual = (ref: RefTerm): boolean => isVirtualRef(ruleTree, ref);
    this.#rules = rules
      .flatMap((rule) => [...chainOf(rule)])
      .map((rule): IndexedRule => {
        const refs = new BodyRefs(this.#table, this.#statistics, rule.head.args ?? [], isVirtual);
        const body = hoistDynamicTerms(rule.body);
        if (!printsSomething(body)) refs.body(body);
        const risk = body.findIndex((expr) => !isCostless(expr, isVirtual));
        return { rule, refs, paths: refs.paths(), risk: risk < 0 ? Infinity : risk };
      });
    this.#levels = new Map(this.#sortedLevels().map((ref, place) => [ref, place]));
  }

  into(admissions: Map<number, Admission>): void {
    for (const indexed of this.#rules) {
      const admission = this.#admission(indexed, indexed.risk);
      if (!isEmpty(admission)) admissions.set(indexed.rule.id, admission);
    }
  }

  /** See {@link Admissions.exits}. */
  exits(): readonly Exit[] {
    const classes = new Map<string, IndexedRule[]>();
    for (const indexed of this.#rules) {
      const key = completeValue(indexed.rule);
      const members = key === undefined ? undefined : classes.get(key);
      if (members !== undefined) members.push(indexed);
      else if (key !== undefined) classes.set(key, [indexed]);
    }
    const worthwhile = [...classes.values()].filter((members) => members.some(({ risk }) => risk < Infinity));
    if (worthwhile.length === 0) return [];
    const admissions = new Map(this.#rules.map((rule) => [rule, this.#admission(rule, 0)]));
    const always = [...admissions].filter(([, admission]) => isEmpty(admission)).map(([rule]) => rule);
    const chosen = worthwhile
      .map((list) => ({ members: new Set(list), isWorthwhile: list.slice(1).some(({ risk }) => risk < Infinity) }))
      .filter(({ members }) => members.size < admissions.size && always.every((rule) => members.has(rule)));
    if (chosen.length * admissions.size > MAX_EXIT_RULES) return [];
    return chosen.map(({ members, isWorthwhile }) => ({
      rules: new Set([...members].map(({ rule }) => rule.id)),
      others: [...admissions].filter(([rule]) => !members.has(rule)).map(([, admission]) => admission),
      isWorthwhile,
    }));
  }

  /** Asked for every rule, and the same for all: found out once. */
  get #consultsMembers(): boolean {
    return (this.#consults ??= !agreeOnValue(this.#rules.map(({ rule }) => rule)));
  }

  /** What is demanded by literals from a position on. */
  #admission({ refs, paths }: IndexedRule, from: number): Admission {
    const isLate = ({ literal }: { readonly literal: number }): boolean => literal >= from;
    const required = this.#required(paths).filter((demands) => demands.some(isLate));
    const walked = paths.map((path) => this.#walk(path));
    const [only = []] = walked;
    const levels = walked.length === 1 ? only.filter((level) => level.some(isLate)) : [];
    const isAlternated = walked.length > 1 && walked.flat(2).some(isLate);
    return {
      demands: [...required.map((demands) => demands.slice(0, 1)), ...levels].flatMap((level) => this.#demand(level)),
      paths: isAlternated ? walked.map((path) => path.flatMap((level) => this.#demand(level))) : [],
      memberships: this.#consultsMembers ? refs.memberships.filter(isLate) : [],
    };
  }

  #demand(level: readonly RefDemand[]): readonly AdmissionDemand[] {
    const ref = level[0] === undefined ? undefined : this.#table.refs[level[0].ref];
    if (ref === undefined) return [];
    const tests = level.map(({ value }): AdmissionTest => (value.kind === 'var' ? { kind: 'defined' } : value));
    return [{ ref, tests: tests.some((test) => isOpenTest(test)) ? [{ kind: 'defined' }] : tests }];
  }

  /** For every ref that no rule compares with a value, and that all paths need: what needs it. */
  #required(paths: Paths): readonly (readonly RefDemand[])[] {
    const needed = new Map<number, RefDemand[]>();
    for (const demand of paths.flat()) {
      if (this.#levels.has(demand.ref)) continue;
      const known = needed.get(demand.ref);
      if (known === undefined) needed.set(demand.ref, [demand]);
      else known.push(demand);
    }
    return [...needed]
      .filter(([ref]) => paths.every((path) => path.some((demand) => demand.ref === ref)))
      .map(([, demands]) => demands);
  }

  /** The demands on each ref that is a level, in the order of the levels. */
  #byLevel(path: readonly RefDemand[]): readonly (readonly RefDemand[])[] {
    const byRef = new Map<number, RefDemand[]>();
    for (const demand of path) {
      const known = byRef.get(demand.ref);
      if (known !== undefined) known.push(demand);
      else if (this.#levels.has(demand.ref)) byRef.set(demand.ref, [demand]);
    }
    const rank = (ref: number): number => this.#levels.get(ref) ?? 0;
    return [...byRef].sort(([a], [b]) => rank(a) - rank(b)).map(([, demands]) => demands);
  }

  /** The demands that OPA's trie asks for on one path, level by level. */
  #walk(path: readonly RefDemand[]): readonly (readonly RefDemand[])[] {
    const result: (readonly RefDemand[])[] = [];
    for (const all of this.#byLevel(path)) {
      const concrete = all.filter(({ value }) => value.kind !== 'var' && value.kind !== 'defined');
      const values = all.length > 1 && concrete.length > 0 ? concrete : all;
      if (values.length === 0) continue;
      if (values.length === 1 || concrete.length === 0) {
        result.push(values);
        continue;
      }
      // Affixes and composites cannot lead on to one node: what is asked below is lost.
      if (values.some(isTerminal)) return [...result, oneEnd(values)];
      result.push(values);
    }
    return result;
  }

  #sortedLevels(): readonly number[] {
    const valued = new Set<number>();
    const note = ({ ref, value }: RefDemand): void => {
      if (value.kind !== 'var' && value.kind !== 'defined') valued.add(ref);
    };
    for (const { refs } of this.#rules) {
      refs.demands.forEach(note);
      refs.disjunctions.flat(2).forEach(note);
    }
    const statistic = (ref: number): RefStatistics => this.#statistics.get(ref) ?? { count: 0, alternation: 0 };
    return [...this.#statistics.keys()]
      .filter((ref) => statistic(ref).count > 0 && valued.has(ref))
      .sort(
        (a, b) =>
          statistic(a).alternation - statistic(b).alternation ||
          statistic(b).count - statistic(a).count ||
          compareRefs(this.#table.refs[a], this.#table.refs[b]) ||
          a - b,
      );
  }
}

const isOpenTest = (test: AdmissionTest): boolean =>
  test.kind === 'defined' || (test.kind === 'equal' && (test.term.kind === 'object' || test.term.kind === 'set'));

const isTerminal = ({ value }: RefDemand): boolean =>
  value.kind === 'prefix' ||
  value.kind === 'suffix' ||
  value.kind === 'glob' ||
  (value.kind === 'equal' && value.term.kind === 'array');

/** A trie tests starts or ends, not both: those whose shortest text is longer. */
const oneEnd = (values: readonly RefDemand[]): readonly RefDemand[] => {
  const shortest = (kind: 'prefix' | 'suffix'): number =>
    Math.min(...values.map(({ value }) => (value.kind === kind ? Buffer.byteLength(value.text) : Infinity)));
  const prefix = shortest('prefix');
  const suffix = shortest('suffix');
  if (prefix === Infinity || suffix === Infinity) return values;
  const drop = suffix > prefix ? 'prefix' : 'suffix';
  return values.filter(({ value }) => value.kind !== drop);
};

const compareRefs = (a: IndexRef | undefined, b: IndexRef | undefined): number => {
  if (typeof a !== 'object' || typeof b !== 'object')
    return (typeof a === 'object' ? 0 : 1) - (typeof b === 'object' ? 0 : 1);
  const { location: left } = a.head;
  const { location: right } = b.head;
  if (left.file !== right.file) return left.file < right.file ? -1 : 1;
  return left.row - right.row || left.col - right.col;
};

/** True if all rules have one and the same constant value: then OPA stops at the first that succeeds. */
const agreeOnValue = (rules: readonly ResolvedRule[]): boolean => {
  const keys = rules.map(completeValue);
  return keys.every((key) => key !== undefined && key === keys[0]);
};

/** A text for the constant value of a complete rule or a function. */
const completeValue = ({ head }: ResolvedRule): string | undefined =>
  (head.rule === 'complete' || head.rule === 'function') && head.value !== undefined
    ? constantKey(head.value)
    : undefined;

const isEmpty = ({ demands, paths, memberships }: Admission): boolean =>
  demands.length + paths.length + memberships.length === 0;

/** True for refs that rules define, wholly or in part. */
const isVirtualRef = (root: RuleTreeNode, { head, path }: RefTerm): boolean => {
  if (head.kind !== 'var' || head.name !== 'data') return false;
  let node = root;
  for (const part of path) {
    if (!isConstant(part)) return true;
    const child = childOf(node, part);
    if (child === undefined) return false;
    if (child.rules.length > 0) return true;
    node = child;
  }
  return true;
};

/** OPA evaluates rules that print whatever the index says. */
const printsSomething = (body: Body): boolean => {
  let found = false;
  for (const expr of body) {
    const check = ({ term }: Expr): void => {
      if (term.kind === 'call' && PRINTING.has(term.operator.join('.'))) found = true;
    };
    const { kind } = expr.term;
    if (kind === 'every' || kind === 'not-body' || kind === 'and' || kind === 'or') forEachExpr([expr], check);
    else check(expr);
  }
  return found;
};

const PRINTING: ReadonlySet<string> = new Set(['print', 'internal.print', 'internal.test_case']);

/** The steps in front of a body that leave it where OPA's index leaves the rule out. `params` hold the arguments. */
export const admissionSteps = (admission: Admission, params: readonly LocalId[]): readonly Step[] => {
  const steps = (demands: readonly AdmissionDemand[]): Step[] =>
    demands.map(({ ref, tests }) => ({ kind: 'admit', value: refOperand(ref, params), tests }));
  const { demands, paths, memberships } = admission;
  const alternatives: Step[] =
    paths.length === 0
      ? []
      : [{ kind: 'either', blocks: paths.map((path): Block => [...steps(path), { kind: 'succeed' }]) }];
  const keys = memberships.map(({ key, collection }): Step => ({
    kind: 'admit-key',
    collection: refOperand(collection, params),
    key: refOperand(key, params),
  }));
  return [...steps(demands), ...alternatives, ...keys];
};

const refOperand = (ref: IndexRef, params: readonly LocalId[]): Operand => {
  if (typeof ref === 'number') return { kind: 'local', id: params[ref] ?? 0 };
  const isBase = ref.head.kind === 'var' && ref.head.name === 'data';
  // Base documents are told apart by strings; what else selects in them is a member.
  const other = isBase ? ref.path.findIndex((part) => part.kind !== 'string') : 0;
  const names = other < 0 ? ref.path : ref.path.slice(0, other);
  const start: Operand = isBase
    ? { kind: 'base', path: names.map((part) => (part.kind === 'string' ? part.value : '')) }
    : { kind: 'input' };
  return ref.path
    .slice(names.length)
    .reduce<Operand>((of, term) => ({ kind: 'member', of, key: { kind: 'constant', term }, document: false }), start);
};
