import type { Block, Operand, Override, Step } from './ir.ts';

const NONE: readonly never[] = [];

/** The operands that stand in a step itself, replacements of a `with` included; not those in its blocks. */
export const operandsOf = (step: Step): readonly Operand[] => {
  switch (step.kind) {
    case 'bind':
    case 'test':
    case 'run':
    case 'is-array':
    case 'is-object':
    case 'admit':
    case 'result':
      return [step.value];
    case 'admit-key':
      return [step.collection, step.key];
    case 'equal':
      return [step.left, step.right];
    case 'scan':
    case 'every':
      return [step.over];
    case 'with':
      return step.overrides.flatMap(operandsOfOverride);
    case 'yield':
      return step.key === undefined ? [step.value] : [step.key, step.value];
    case 'part':
      return [...step.path, step.value];
    case 'trace':
      return step.values.map(([, value]) => value);
    case 'not':
    case 'collect':
    case 'either':
    case 'fail':
    case 'succeed':
      return NONE;
    default:
      return step satisfies never;
  }
};

const operandsOfOverride = (override: Override): readonly Operand[] => {
  if (override.kind !== 'function') return [override.value];
  return override.by.kind === 'value' || override.by.kind === 'document' ? [override.by.value] : NONE;
};

/** The blocks inside of a step, in the order in which they run. */
export const blocksOf = (step: Step): readonly Block[] => {
  switch (step.kind) {
    case 'scan':
    case 'every':
    case 'not':
    case 'collect':
      return [step.body];
    case 'either':
      return step.blocks;
    case 'with':
      return [step.body, step.rest];
    default:
      return NONE;
  }
};

/** The operands that an operand is made of. */
export const partsOf = (operand: Operand): readonly Operand[] => {
  switch (operand.kind) {
    case 'local':
    case 'constant':
    case 'input':
    case 'base':
    case 'group':
    case 'tree':
    case 'lazy':
      return NONE;
    case 'restricted':
      return operand.keys;
    case 'force':
      return [operand.of];
    case 'member':
      return [operand.of, operand.key];
    case 'array':
    case 'set':
      return operand.items;
    case 'object':
      return operand.entries.flat();
    case 'builtin':
    case 'call':
      return operand.args;
    default:
      return operand satisfies never;
  }
};
