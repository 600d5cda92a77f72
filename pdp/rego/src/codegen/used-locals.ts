import type { Block, LocalId, Operand } from '../plan/ir.ts';

/** Adds up how often a block reads each local. */
export const countUses = (block: Block, into: Map<LocalId, number>): void => {
  const operand = (o: Operand): void => {
    switch (o.kind) {
      case 'local':
        into.set(o.id, (into.get(o.id) ?? 0) + 1);
        return;
      case 'force':
        operand(o.of);
        return;
      case 'member':
        operand(o.of);
        operand(o.key);
        return;
      case 'array':
      case 'set':
        o.items.forEach(operand);
        return;
      case 'object':
        for (const [key, value] of o.entries) {
          operand(key);
          operand(value);
        }
        return;
      case 'builtin':
      case 'call':
        o.args.forEach(operand);
        return;
      case 'restricted':
        o.keys.forEach(operand);
        return;
      default:
    }
  };
  for (const step of block) {
    switch (step.kind) {
      case 'bind':
      case 'test':
      case 'run':
      case 'is-array':
      case 'is-object':
      case 'admit':
      case 'result':
        operand(step.value);
        break;
      case 'admit-key':
        operand(step.collection);
        operand(step.key);
        break;
      case 'equal':
        operand(step.left);
        operand(step.right);
        break;
      case 'scan':
      case 'every':
        operand(step.over);
        countUses(step.body, into);
        break;
      case 'not':
      case 'collect':
        countUses(step.body, into);
        break;
      case 'either':
        for (const inner of step.blocks) countUses(inner, into);
        break;
      case 'with':
        for (const override of step.overrides) {
          if (override.kind !== 'function') operand(override.value);
          else if (override.by.kind === 'value') operand(override.by.value);
        }
        countUses(step.body, into);
        countUses(step.rest, into);
        break;
      case 'yield':
        if (step.key !== undefined) operand(step.key);
        operand(step.value);
        break;
      case 'trace':
        for (const [, value] of step.values) operand(value);
        break;
      case 'part':
        step.path.forEach(operand);
        operand(step.value);
        break;
      default:
    }
  }
};
