import { RegoNumber, type RegoNumeric } from '../number.ts';
import type { Value } from '../value.ts';
import type { BuiltinFamily } from './builtin.ts';
import { goFormat, type FormatArgument } from './go-format.ts';
import { builtinError, typeError } from './operands.ts';
import { MAX_STRING_LENGTH } from './replacer.ts';
import { regoText } from './text.ts';
import { spendWork } from './work.ts';

/** Formatting with Go's verbs. */
export const formatting: BuiltinFamily = {
  sprintf: (ctx, format, args) => {
    if (typeof format !== 'string') return typeError(ctx, 1, format, 'string');
    if (!Array.isArray(args)) return typeError(ctx, 2, args, 'array');
    const values = args as readonly Value[];
    const simple = formatSimply(format, values);
    if (simple !== undefined) {
      spendWork(ctx, simple.length);
      return simple;
    }
    const result = goFormat(format, values.map(toArgument));
    spendWork(ctx, result.length);
    if (result.length <= MAX_STRING_LENGTH) return result;
    return builtinError(ctx, `result is longer than ${String(MAX_STRING_LENGTH)} characters`);
  },
};

const PERCENT = 0x25;
const VERB_D = 0x64;
const VERB_S = 0x73;
const VERB_V = 0x76;

/** Formats that only have bare %s, %v and %d of fitting arguments: nearly all. Undefined for the others. */
function formatSimply(format: string, values: readonly Value[]): string | undefined {
  let result = '';
  let next = 0;
  let from = 0;
  for (;;) {
    const percent = format.indexOf('%', from);
    if (percent < 0) break;
    const verb = format.charCodeAt(percent + 1);
    result += format.slice(from, percent);
    from = percent + 2;
    if (verb === PERCENT) {
      result += '%';
      continue;
    }
    const value = values[next++];
    if (value === undefined) return undefined;
    if (typeof value === 'number') {
      if (!Number.isInteger(value) || (verb !== VERB_D && verb !== VERB_V)) return undefined;
      result += String(value);
    } else if (verb !== VERB_S && verb !== VERB_V) return undefined;
    else if (typeof value === 'string') result += value;
    else if (value instanceof RegoNumber) return undefined;
    else result += regoText(value);
  }
  return next === values.length ? result + format.slice(from) : undefined;
}

function toArgument(value: Value): FormatArgument {
  if (typeof value === 'number' || value instanceof RegoNumber) return numberArgument(value);
  return { type: 'string', value: typeof value === 'string' ? value : regoText(value) };
}

function numberArgument(value: RegoNumeric): FormatArgument {
  if (typeof value === 'number') {
    return Number.isInteger(value) ? { type: 'int64', value: BigInt(value) } : { type: 'float64', value };
  }
  if (/[.eE]/.test(value.text)) {
    const double = Number(value.text);
    return Number.isFinite(double) ? { type: 'float64', value: double } : { type: 'string', value: value.text };
  }
  const integer = BigInt(value.text);
  return { type: BigInt.asIntN(64, integer) === integer ? 'int64' : 'big.Int', value: integer };
}
