import type { Operand } from '../plan/ir.ts';

/** A call of a built-in. */
export type BuiltinOperand = Extract<Operand, { readonly kind: 'builtin' }>;

/** Built-ins that are operators of JavaScript. */
export const comparisons: Readonly<Record<string, string>> = { lt: '<', lte: '<=', gt: '>', gte: '>=' };

/** True for built-ins that are written as JavaScript comparisons: they cannot fail. */
export const isCondition = (operand: BuiltinOperand): boolean =>
  operand.name === 'equal' ||
  operand.name === 'neq' ||
  operand.name === 'internal.member_2' ||
  Object.hasOwn(comparisons, operand.name);

/** Built-ins that are one expression of JavaScript for operands of the usual types; the rest is left to the call. */
export const inline = (name: string, args: readonly string[], call: string): string | undefined => {
  const [a = '', b = ''] = args;
  const strings = `typeof ${a} === 'string' && typeof ${b} === 'string'`;
  switch (name) {
    case 'startswith':
      return `${strings} ? ${a}.startsWith(${b}) : ${call}`;
    case 'endswith':
      return `${strings} ? ${a}.endsWith(${b}) : ${call}`;
    case 'contains':
      return `${strings} ? ${a}.includes(${b}) : ${call}`;
    case 'count':
      return `Array.isArray(${a}) ? ${a}.length : ${call}`;
    default:
      return undefined;
  }
};
