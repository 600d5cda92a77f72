import type { Term } from '../ast.ts';
import type { Block, LocalId, Operand, RuleBody } from '../plan/ir.ts';
import { primitive } from './constants.ts';

/** Groups with fewer rules are gone through one by one. */
const MIN_RULES = 8;

/** Most entries that all lists of an index may have, as a multiple of the number of rules. */
const MAX_GROWTH = 8;

/** Which rules can succeed for which values of one ref. */
export interface RuleIndex {
  /** What the rules are told apart by: a path into the input, or into an argument. */
  readonly by: Operand;
  /** JavaScript literals, each with the numbers of the rules that may succeed for it, in order. */
  readonly entries: readonly (readonly [literal: string, rules: readonly number[]])[];
  /** The rules for all other values, and for none. */
  readonly others: readonly number[];
}

interface Demand {
  readonly by: Operand;
  readonly literals: readonly string[];
}

/**
 * Finds a ref that most rules of a group compare with constants, by `==` or `in`: of a thousand rules for a thousand
 * actions then only one is tried. Undefined where that does not pay. Rules with `else` are tried always.
 */
export const indexRules = (
  rules: readonly (readonly RuleBody[])[],
  params: readonly LocalId[],
  isReplaced: (builtin: string) => boolean,
): RuleIndex | undefined => {
  if (rules.length < MIN_RULES) return undefined;
  const demands = rules.map((chain) => {
    const [body] = chain;
    return body === undefined || chain.length > 1
      ? new Map<string, Demand>()
      : demandsOf(body.block, params, isReplaced);
  });
  const counts = new Map<string, number>();
  for (const demand of demands) for (const key of demand.keys()) counts.set(key, (counts.get(key) ?? 0) + 1);
  const [best] = [...counts].sort(([, a], [, b]) => b - a);
  if (best === undefined || best[1] < MIN_RULES) return undefined;
  return buildIndex(demands.map((demand) => demand.get(best[0])));
};

const buildIndex = (demands: readonly (Demand | undefined)[]): RuleIndex | undefined => {
  const by = demands.find((demand) => demand !== undefined)?.by;
  if (by === undefined) return undefined;
  const lists = new Map<string, number[]>();
  for (const demand of demands) for (const literal of demand?.literals ?? []) lists.set(literal, []);
  const others: number[] = [];
  let entries = 0;
  for (const [rule, demand] of demands.entries()) {
    if (demand === undefined) {
      for (const list of lists.values()) list.push(rule);
      others.push(rule);
    } else for (const literal of new Set(demand.literals)) lists.get(literal)?.push(rule);
    entries += demand === undefined ? lists.size + 1 : demand.literals.length;
    if (entries > MAX_GROWTH * demands.length) return undefined;
  }
  return { by, entries: [...lists], others };
};

/** The equations of a body that every success of it needs, by ref. */
const demandsOf = (
  block: Block,
  params: readonly LocalId[],
  isReplaced: (builtin: string) => boolean,
): Map<string, Demand> => {
  const bound = new Map<LocalId, Operand>();
  const demands = new Map<string, Demand>();
  const note = (side: Operand, literals: readonly string[] | undefined): void => {
    const by = literals === undefined ? undefined : discriminator(side, bound, params);
    if (by === undefined || literals === undefined) return;
    const key = JSON.stringify(by, (name, value: unknown) => (name === 'location' ? undefined : value));
    if (!demands.has(key)) demands.set(key, { by, literals });
  };
  for (let steps: Block | undefined = block; steps !== undefined;) {
    let next: Block | undefined = undefined;
    for (const step of steps) {
      if (step.kind === 'bind') bound.set(step.local, step.value);
      // A `with` changes what refs mean; other blocks need not succeed.
      else if (step.kind === 'with') return demands;
      else if (step.kind === 'scan') next = step.body;
      else if (step.kind === 'equal') {
        note(step.left, literalsOf(step.right));
        note(step.right, literalsOf(step.left));
      } else if (step.kind === 'test' && step.value.kind === 'builtin' && step.value.name === 'internal.member_2') {
        const [member, collection] = step.value.args;
        if (member !== undefined && collection !== undefined && !isReplaced(step.value.name)) {
          note(member, membersOf(collection));
        }
      }
    }
    steps = next;
  }
  return demands;
};

const literalsOf = (operand: Operand): readonly string[] | undefined => {
  const literal = operand.kind === 'constant' ? primitive(operand.term) : undefined;
  return literal === undefined ? undefined : [literal];
};

const membersOf = (operand: Operand): readonly string[] | undefined => {
  if (operand.kind !== 'constant') return undefined;
  const { term } = operand;
  if (term.kind !== 'array' && term.kind !== 'set') return undefined;
  const literals = term.items.map((item: Term) => primitive(item));
  return literals.every((literal) => literal !== undefined) ? literals : undefined;
};

/** The operand in terms of the input or an argument, if it is a constant path into one. */
const discriminator = (
  operand: Operand,
  bound: ReadonlyMap<LocalId, Operand>,
  params: readonly LocalId[],
): Operand | undefined => {
  switch (operand.kind) {
    case 'input':
      return operand;
    case 'local': {
      if (params.includes(operand.id)) return operand;
      const value = bound.get(operand.id);
      return value === undefined ? undefined : discriminator(value, bound, params);
    }
    case 'member': {
      if (operand.document || operand.key.kind !== 'constant') return undefined;
      const of = discriminator(operand.of, bound, params);
      return of === undefined ? undefined : { ...operand, of };
    }
    default:
      return undefined;
  }
};
