import { RegoSet, type Value } from '../value.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { arrayOperand, builtinError, typeError } from './operands.ts';
import { displayText } from './text.ts';

/** What the compiler makes of interpolated strings and of print, and the built-ins that only talk to the host. */
export const messages: BuiltinFamily = {
  'internal.template_string': (ctx, parts) => {
    const list = arrayOperand(ctx, parts, 1);
    return list?.map(partText).join('');
  },
  'internal.print': (ctx, parts) => {
    const list = arrayOperand(ctx, parts, 1);
    if (list === undefined) return undefined;
    ctx.note?.(list.map(partText).join(' '), 'print');
    return true;
  },
  print: (ctx, ...parts) => {
    ctx.note?.(parts.map(partText).join(' '), 'print');
    return true;
  },
  'internal.test_case': (ctx, names) => {
    const list = arrayOperand(ctx, names, 1);
    if (list === undefined) return undefined;
    ctx.testCase?.(list);
    return true;
  },
  trace: (ctx, message) => {
    if (typeof message !== 'string') return typeError(ctx, 1, message, 'string');
    ctx.note?.(message, 'trace');
    return true;
  },
  'opa.runtime': (ctx) => ctx.runtime ?? {},
  'rego.metadata.chain': (ctx) => outsideRule(ctx, 'rego.metadata.chain'),
  'rego.metadata.rule': (ctx) => outsideRule(ctx, 'rego.metadata.rule'),
};

/** A set stands for an expression that may be undefined (empty) or have a value (one member). */
function partText(part: Value): string {
  if (!(part instanceof RegoSet)) return displayText(part);
  const [value] = part.values();
  return value === undefined ? '<undefined>' : displayText(value);
}

function outsideRule(ctx: BuiltinContext, name: string): undefined {
  return builtinError(ctx, `the ${name} function must only be called within the scope of a rule`);
}
