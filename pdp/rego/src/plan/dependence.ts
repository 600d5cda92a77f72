import { placeName, type PlacePart } from './documents.ts';
import type { Block, Group, Operand, Override, Plan, RuleBody, Step } from './ir.ts';

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
  const changesBase = (path: readonly PlacePart[]): boolean => replacedData.some((target) => overlaps(target, path));
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
  const users = new Map<number, number[]>();
  const use = (used: number, by: number): void => {
    const list = users.get(used);
    if (list === undefined) users.set(used, [by]);
    else list.push(by);
  };
  reads.forEach((own, id) => {
    for (const used of own.groups) use(used, id);
    for (const tree of own.trees) {
      const part = below(tree);
      if (part === undefined || part.changes) changeable.add(id);
      for (const used of part?.groups ?? []) use(used, id);
    }
  });
  const pending = [...changeable];
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    for (const user of users.get(id) ?? []) {
      if (changeable.has(user)) continue;
      changeable.add(user);
      pending.push(user);
    }
  }
  return { hasWith: overrides.length > 0, changeable };
};

const overlaps = (a: readonly string[], b: readonly PlacePart[]): boolean =>
  a.every((part, index) => index >= b.length || part === b[index]);

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
  for (const step of block) visitStep(step, reads, overrides);
};

const visitStep = (step: Step, reads: Reads, overrides: Override[]): void => {
  switch (step.kind) {
    case 'bind':
    case 'test':
    case 'run':
    case 'is-array':
    case 'is-object':
    case 'admit':
    case 'result':
      visitOperand(step.value, reads);
      return;
    case 'admit-key':
      visitOperand(step.collection, reads);
      visitOperand(step.key, reads);
      return;
    case 'equal':
      visitOperand(step.left, reads);
      visitOperand(step.right, reads);
      return;
    case 'scan':
    case 'every':
      visitOperand(step.over, reads);
      visitBlock(step.body, reads, overrides);
      return;
    case 'not':
    case 'collect':
      visitBlock(step.body, reads, overrides);
      return;
    case 'either':
      for (const block of step.blocks) visitBlock(block, reads, overrides);
      return;
    case 'with':
      for (const override of step.overrides) visitOverride(override, reads, overrides);
      visitBlock(step.body, reads, overrides);
      visitBlock(step.rest, reads, overrides);
      return;
    case 'yield':
      if (step.key !== undefined) visitOperand(step.key, reads);
      visitOperand(step.value, reads);
      return;
    case 'part':
      for (const part of step.path) visitOperand(part, reads);
      visitOperand(step.value, reads);
      return;
    case 'fail':
    case 'succeed':
    case 'trace':
      return;
    default:
      step satisfies never;
  }
};

const visitOverride = (override: Override, reads: Reads, overrides: Override[]): void => {
  overrides.push(override);
  if (override.kind !== 'function') visitOperand(override.value, reads);
  else if (override.by.kind === 'value' || override.by.kind === 'document') visitOperand(override.by.value, reads);
  else if (override.by.kind === 'function') reads.groups.add(override.by.group);
  else reads.builtins.add(override.by.name);
};

const visitOperand = (operand: Operand, reads: Reads): void => {
  switch (operand.kind) {
    case 'local':
    case 'constant':
      return;
    case 'input':
      reads.input = true;
      return;
    case 'base':
      reads.base.push(operand.path);
      return;
    case 'group':
      reads.groups.add(operand.group);
      return;
    case 'restricted':
      reads.groups.add(operand.group);
      for (const key of operand.keys) visitOperand(key, reads);
      return;
    case 'tree':
    case 'lazy':
      reads.trees.add(operand.tree);
      return;
    case 'force':
      visitOperand(operand.of, reads);
      return;
    case 'member':
      visitOperand(operand.of, reads);
      visitOperand(operand.key, reads);
      return;
    case 'array':
    case 'set':
      for (const item of operand.items) visitOperand(item, reads);
      return;
    case 'object':
      for (const entry of operand.entries) for (const part of entry) visitOperand(part, reads);
      return;
    case 'builtin':
      reads.builtins.add(operand.name);
      for (const arg of operand.args) visitOperand(arg, reads);
      return;
    case 'call':
      reads.groups.add(operand.group);
      for (const arg of operand.args) visitOperand(arg, reads);
      return;
    default:
      operand satisfies never;
  }
};
