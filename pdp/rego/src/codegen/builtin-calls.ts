import type { Operand } from '../plan/ir.ts';
import { FREE_WORK } from '../runtime/builtins/work.ts';

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
  // A number literal is no object for JavaScript's parser: `2.startsWith`.
  const [a = '', b = ''] = args.map((arg) => (/^-?\d/.test(arg) ? `(${arg})` : arg));
  const strings = `typeof ${a} === 'string' && typeof ${b} === 'string'`;
  const integers = `Number.isInteger(${a}) && Number.isInteger(${b})`;
  switch (name) {
    case 'startswith':
      return `${strings} ? ${a}.startsWith(${b}) : ${call}`;
    case 'endswith':
      return `${strings} ? ${a}.endsWith(${b}) : ${call}`;
    case 'contains':
      // Long texts are left to the call, which counts its steps.
      return `${strings} && ${a}.length < ${String(FREE_WORK)} ? ${a}.includes(${b}) : ${call}`;
    case 'plus':
      return `${integers} && Number.isSafeInteger(${a} + ${b}) ? ${a} + ${b} : ${call}`;
    case 'minus':
      return `${integers} && Number.isSafeInteger(${a} - ${b}) ? ${a} - ${b} : ${call}`;
    case 'mul':
      // `|| 0` turns -0 into 0.
      return `${integers} && Number.isSafeInteger(${a} * ${b}) ? ${a} * ${b} || 0 : ${call}`;
    case 'rem':
      return `${integers} && ${b} !== 0 ? ${a} % ${b} || 0 : ${call}`;
    case 'is_string':
      return `typeof ${a} === 'string'`;
    case 'is_boolean':
      return `typeof ${a} === 'boolean'`;
    case 'is_array':
      return `Array.isArray(${a})`;
    case 'is_null':
      return `${a} === null`;
    case 'is_number':
      return `typeof ${a} === 'number' || ${call}`;
    case 'count':
      return `Array.isArray(${a}) ? ${a}.length : ${call}`;
    default:
      return undefined;
  }
};

/** True for built-ins that {@link inline} knows. */
export const isInlined = (name: string): boolean => inline(name, [], '') !== undefined;
