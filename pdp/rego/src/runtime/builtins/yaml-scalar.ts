import { numberFromBigInt, numberFromText } from '../number.ts';
import type { Value } from '../value.ts';

/** What a plain scalar stands for: a value, or a number that JSON has no form for. */
export type PlainScalar = { readonly value: Value } | { readonly problem: string };

const NULL = /^(?:~|null|Null|NULL|)$/;
const TRUE = /^(?:true|True|TRUE)$/;
const FALSE = /^(?:false|False|FALSE)$/;
const INFINITE = /^[-+]?\.(?:inf|Inf|INF)$/;
const NAN = /^\.(?:nan|NaN|NAN)$/;
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/** Resolves a plain scalar as go-yaml v3 does: YAML 1.2 with YAML 1.1's integers (0777, 1_000). */
export function resolvePlain(text: string): PlainScalar {
  if (NULL.test(text)) return { value: null };
  if (TRUE.test(text)) return { value: true };
  if (FALSE.test(text)) return { value: false };
  if (INFINITE.test(text)) {
    return { problem: `json: unsupported value: ${text.startsWith('-') ? '-' : '+'}Inf` };
  }
  if (NAN.test(text)) return { problem: 'json: unsupported value: NaN' };
  if (!/^[-+.\d]/.test(text)) return { value: text };
  const integer = parseInteger(text);
  if (integer !== undefined) return { value: integerValue(integer) };
  const bare = text.replaceAll('_', '');
  if (FLOAT.test(bare)) return { value: numberFromText(String(Number(bare))) };
  return { value: text };
}

/** Tells whether a string must be quoted, because without quotes it would be something else. */
export function isAmbiguous(text: string): boolean {
  const resolved = resolvePlain(text);
  if ('problem' in resolved || typeof resolved.value !== 'string') return true;
  // YAML 1.1's booleans and base 60 numbers, and what looks like a date.
  return (
    /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/.test(text) ||
    /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/.test(text) ||
    /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt ]|$)/.test(text)
  );
}

function parseInteger(text: string): bigint | undefined {
  const bare = text.replaceAll('_', '');
  const match = /^([-+]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)$/.exec(bare);
  if (match === null) return undefined;
  const digits = match[2] ?? '0';
  const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return match[1] === '-' ? -magnitude : magnitude;
}

/** Integers of 64 bits are exact, larger ones are floats. */
function integerValue(integer: bigint): Value {
  if (BigInt.asIntN(64, integer) === integer || BigInt.asUintN(64, integer) === integer)
    return numberFromBigInt(integer);
  return numberFromText(String(Number(integer)));
}
