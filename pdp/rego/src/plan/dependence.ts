import { placeName, type PlacePart } from './documents.ts';
import type { Block, Group, Operand, Override, Plan, RuleBody } from './ir.ts';
import { blocksOf, operandsOf, partsOf } from './parts.ts';
import { overlapsAny, Users } from './spread.ts';

/** What a block reads that is not its own. */
interface Reads {
  input: boolean;
  readonly groups: Set<number>;
  readonly trees: Set<number>;
  readonly base: (readonly string[])[];
  readonly builtins: Set<string>;
}

/** Which documents and functions of a plan some `with` can change. */
export interface Dependence {
  /** True if some body has a `with`. */
  readonly hasWith: boolean;
  /**
   * Groups whose value may be another one under some `with` of the plan. All others have one value in the whole
   * evaluation, wherever they are asked for.
   */
  readonly changeable: ReadonlySet<number>;
}

/** Finds what the `with`s of a plan can change. `replacedData` are their targets below `data`. */
export const findDependence = (plan: Plan, replacedData: readonly (readonly string[])[]): Dependence => {
  const overrides: Override[] = [];
  const reads = plan.groups.map((group) => readsOf(group, overrides));
  for (const { block } of plan.entrypoints) visitBlock(block, newReads(), overrides);
  const replacesInput = overrides.some(({ kind }) => kind === 'input');
  const replaceable = new Set(plan.replaceable);
  const changesBase = (path: readonly PlacePart[]): boolean => overlapsAny(path, replacedData);
  const changeable = new Set<number>();
  plan.groups.forEach((group, id) => {
    const own = reads[id];
    if (own === undefined) return;
    if (
      group.replaced ||
      changesBase(group.path) ||
      (own.input && replacesInput) ||
      own.base.some(changesBase) ||
      [...own.builtins].some((name) => replaceable.has(name)) ||
      replaceable.has(placeName(['data', ...group.path]))
    ) {
      changeable.add(id);
    }
  });
  // A tree is what is below it: rules, and base documents.
  const partsOfTree = new Map<number, { readonly changes: boolean; readonly groups: readonly number[] } | undefined>();
  const below = (id: number) => {
    if (partsOfTree.has(id)) return partsOfTree.get(id);
    const tree = plan.trees[id];
    const parts = tree && {
      changes: changesBase(tree.path),
      groups: plan.groups
        .filter((group) => tree.path.every((part, i) => part === group.path[i]))
        .map((group) => group.id),
    };
    partsOfTree.set(id, parts);
    return parts;
  };
  const users = new Users();
  reads.forEach((own, id) => {
    for (const used of own.groups) users.add(used, id);
    for (const tree of own.trees) {
      const part = below(tree);
      if (part === undefined || part.changes) changeable.add(id);
      for (const used of part?.groups ?? []) users.add(used, id);
    }
  });
  users.spread(changeable);
  return { hasWith: overrides.length > 0, changeable };
};

const newReads = (): Reads => ({
  input: false,
  groups: new Set(),
  trees: new Set(),
  base: [],
  builtins: new Set(),
});

const readsOf = (group: Group, overrides: Override[]): Reads => {
  const reads = newReads();
  const bodies: RuleBody[] = [...group.rules.flat()];
  if (group.fallback !== undefined) bodies.push(group.fallback);
  for (const restriction of group.restrictions.values()) bodies.push(...restriction.rules.flat());
  for (const body of bodies) visitBlock(body.block, reads, overrides);
  return reads;
};

const visitBlock = (block: Block, reads: Reads, overrides: Override[]): void => {
  for (const step of block) {
    if (step.kind === 'with') for (const override of step.overrides) visitOverride(override, reads, overrides);
    for (const operand of operandsOf(step)) visitOperand(operand, reads);
    for (const inner of blocksOf(step)) visitBlock(inner, reads, overrides);
  }
};

const visitOverride = (override: Override, reads: Reads, overrides: Override[]): void => {
  overrides.push(override);
  if (override.kind !== 'function') return;
  if (override.by.kind === 'function') reads.groups.add(override.by.group);
  else if (override.by.kind === 'builtin') reads.builtins.add(override.by.name);
};

const visitOperand = (operand: Operand, reads: Reads): void => {
  switch (operand.kind) {
    case 'input':
      reads.input = true;
      break;
    case 'base':
      reads.base.push(operand.path);
      break;
    case 'group':
    case 'restricted':
    case 'call':
      reads.groups.add(operand.group);
      break;
    case 'tree':
    case 'lazy':
      reads.trees.add(operand.tree);
      break;
    case 'builtin':
      reads.builtins.add(operand.name);
      break;
    default:
  }
  for (const part of partsOf(operand)) visitOperand(part, reads);
};
