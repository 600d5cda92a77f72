import { compareStrings } from '../value.ts';
import type { BuiltinFamily } from './builtin.ts';
import { builtinError, typeError } from './operands.ts';
import { quoteText } from './text.ts';

/** Semantic versions (semver.org 2.0.0), with or without a `v` in front. */
export const semver: BuiltinFamily = {
  'semver.is_valid': (_ctx, version) => typeof version === 'string' && parseVersion(version) !== undefined,
  'semver.compare': (ctx, a, b) => {
    if (typeof a !== 'string') return typeError(ctx, 1, a, 'string');
    if (typeof b !== 'string') return typeError(ctx, 2, b, 'string');
    const first = parseVersion(a);
    if (first === undefined) return builtinError(ctx, `operand 1: string ${quoteText(a)} is not a valid SemVer`);
    const second = parseVersion(b);
    if (second === undefined) return builtinError(ctx, `operand 2: string ${quoteText(b)} is not a valid SemVer`);
    return compareVersions(first, second);
  },
};

interface Version {
  readonly numbers: readonly bigint[];
  readonly preRelease: readonly string[];
}

const NUMBER = '(0|[1-9][0-9]*)';
const IDENTIFIERS = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*';
const VERSION = new RegExp(`^v?${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${IDENTIFIERS}))?(?:\\+${IDENTIFIERS})?$`);
const MAX_INT64 = 9_223_372_036_854_775_807n;

function parseVersion(text: string): Version | undefined {
  const match = VERSION.exec(text);
  if (match === null) return undefined;
  const numbers = match.slice(1, 4).map(BigInt);
  const preRelease = match[4]?.split('.') ?? [];
  if (numbers.some((number) => number > MAX_INT64)) return undefined;
  return preRelease.some((identifier) => /^0\d+$/.test(identifier)) ? undefined : { numbers, preRelease };
}

function compareVersions(a: Version, b: Version): number {
  for (const [index, number] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  if (a.preRelease.length === 0 || b.preRelease.length === 0) {
    // A version without a pre-release comes after its pre-releases.
    return Math.sign(b.preRelease.length - a.preRelease.length);
  }
  for (const [index, identifier] of a.preRelease.entries()) {
    const other = b.preRelease[index];
    if (other === undefined) return 1;
    const order = compareIdentifiers(identifier, other);
    if (order !== 0) return order;
  }
  return a.preRelease.length < b.preRelease.length ? -1 : 0;
}

function compareIdentifiers(a: string, b: string): number {
  const isNumberA = /^\d+$/.test(a);
  const isNumberB = /^\d+$/.test(b);
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  // Without leading zeros the longer number is the larger one, at any size.
  if (isNumberA && a.length !== b.length) return a.length < b.length ? -1 : 1;
  return Math.sign(compareStrings(a, b));
}
