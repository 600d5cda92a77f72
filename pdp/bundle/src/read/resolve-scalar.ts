import { parseTimestamp } from './timestamp.ts';
import type { ScalarNode } from './yaml-node.ts';

/** What a scalar means without a type to decode it into. */
export interface ResolvedScalar {
  /** Short tag of the meaning; `!local` tags and `!!binary` keep their own. */
  readonly tag: string;
  /** `undefined` for a timestamp that only `text` can give. */
  readonly value: null | boolean | bigint | number | string;
}

/** The scalar's tag and its text contradict each other: `!!int abc`. */
export class ScalarError extends Error {
  override readonly name = 'ScalarError';
}

const constants: ReadonlyMap<string, ResolvedScalar> = new Map<string, ResolvedScalar>([
  ...['true', 'True', 'TRUE'].map((text) => [text, { tag: '!!bool', value: true }] as const),
  ...['false', 'False', 'FALSE'].map((text) => [text, { tag: '!!bool', value: false }] as const),
  ...['', '~', 'null', 'Null', 'NULL'].map((text) => [text, { tag: '!!null', value: null }] as const),
  ...['.nan', '.NaN', '.NAN'].map((text) => [text, { tag: '!!float', value: Number.NaN }] as const),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map(
    (text) => [text, { tag: '!!float', value: Number.POSITIVE_INFINITY }] as const,
  ),
  ...['-.inf', '-.Inf', '-.INF'].map((text) => [text, { tag: '!!float', value: Number.NEGATIVE_INFINITY }] as const),
  ['<<', { tag: '!!merge', value: '<<' }],
]);

const resolvable: ReadonlySet<string> = new Set(['', '!!str', '!!bool', '!!int', '!!float', '!!null', '!!timestamp']);

/** True for scalars that are strings because of how they are written: quotes, a block, or the tag `!!str`. */
export function isIndicatedString(node: ScalarNode): boolean {
  return node.tag === '!!str' || ((node.tag === '' || node.tag === '!') && !node.plain);
}

/**
 * The meaning of a scalar as yaml.v3 resolves it: YAML 1.2 core with the octals, underscores and timestamps of 1.1;
 * `yes`, `on` and their kin are strings. Integers that fit 64 bits are exact.
 * @throws ScalarError where an explicit tag does not fit the text
 */
export function resolveScalar(node: ScalarNode): ResolvedScalar {
  if (isIndicatedString(node)) return { tag: '!!str', value: node.value };
  const tag = node.tag === '!' ? '' : node.tag;
  if (!resolvable.has(tag)) return { tag, value: node.value };
  const resolved = resolveText(tag, node.value);
  if (tag === '' || tag === resolved.tag) return resolved;
  // Go's decoder widens what fits a signed integer only; a larger one does not count as a float.
  if (tag === '!!float' && typeof resolved.value === 'bigint' && BigInt.asIntN(64, resolved.value) === resolved.value) {
    return { tag, value: Number(resolved.value) };
  }
  throw new ScalarError(`cannot decode ${resolved.tag} \`${node.value}\` as a ${tag}`);
}

/** The short tag of a scalar, without its value. Never throws: an explicit tag is taken at its word. */
export function scalarTag(node: ScalarNode): string {
  if (isIndicatedString(node)) return '!!str';
  return node.tag === '' || node.tag === '!' ? resolveText('', node.value).tag : node.tag;
}

function resolveText(tag: string, text: string): ResolvedScalar {
  const constant = constants.get(text);
  if (constant !== undefined) return constant;
  const asString = { tag: '!!str', value: text };
  if (text.startsWith('.')) {
    const value = /^\.[0-9]+([eE][-+]?[0-9]+)?$/.test(text) ? Number(text) : Number.NaN;
    return Number.isFinite(value) ? { tag: '!!float', value } : asString;
  }
  if (!/^[-+0-9]/.test(text)) return asString;
  if (tag === '' || tag === '!!timestamp') {
    const timestamp = parseTimestamp(text);
    if (timestamp !== undefined) return { tag: '!!timestamp', value: timestamp };
  }
  const plain = text.replaceAll('_', '');
  const integer = parseInteger(plain);
  if (integer !== undefined) return { tag: '!!int', value: integer };
  if (/^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(plain)) {
    const value = Number(plain);
    if (Number.isFinite(value)) return { tag: '!!float', value };
  }
  return asString;
}

const bases: readonly (readonly [pattern: RegExp, prefix: string])[] = [
  [/^([-+]?)0[xX]([0-9a-fA-F]+)$/, '0x'],
  [/^([-+]?)0[bB]([01]+)$/, '0b'],
  [/^([-+]?)0[oO]([0-7]+)$/, '0o'],
  [/^([-+]?)0([0-7]+)$/, '0o'],
  [/^([-+]?)(0|[1-9][0-9]*)$/, ''],
];

/** Signed or unsigned 64-bit integers; an explicit sign asks for a signed one. */
function parseInteger(text: string): bigint | undefined {
  for (const [pattern, prefix] of bases) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const [, sign = '', digits = ''] = match;
    const magnitude = BigInt(prefix + digits);
    const value = sign === '-' ? -magnitude : magnitude;
    const fits = BigInt.asIntN(64, value) === value || (sign === '' && BigInt.asUintN(64, value) === value);
    return fits ? value : undefined;
  }
  return undefined;
}
