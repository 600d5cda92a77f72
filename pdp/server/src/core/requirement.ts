import { decodeToken } from '@edict/bundle';
import type { ActiveRevision } from '../active-sets.ts';

/** The revision that an answer must at least be of: of the set with this UID, or of the set with this name. */
export type Requirement =
  { readonly n: number; readonly setUid: string } | { readonly n: number; readonly set: string };

/** How a revision stands to a requirement. `foreign`: it is about another set. */
export type Fulfilment = 'reached' | 'behind' | 'foreign';

/** Reads `Policy-At-Least`: a token, or `set@n` with the set's key, its name alone or a further name of it. Undefined for any other text. */
export function parseRequirement(text: string): Requirement | undefined {
  const named = /^([^@\s]{1,507})@([1-9]\d{0,15})$/.exec(text);
  if (named === null) return decodeToken(text);
  const [, set = '', digits] = named;
  const n = Number(digits);
  return Number.isSafeInteger(n) ? { set, n } : undefined;
}

/** Compares the active revision of a set with what a request requires. */
export function fulfilmentOf(requirement: Requirement, { set, setUid, n, snapshot }: ActiveRevision): Fulfilment {
  const own =
    'setUid' in requirement
      ? requirement.setUid === setUid
      : requirement.set === set ||
        set.endsWith(`/${requirement.set}`) ||
        snapshot.serving.instance?.names.includes(requirement.set) === true;
  if (!own) return 'foreign';
  return n >= requirement.n ? 'reached' : 'behind';
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000 };

/** Reads `Policy-Wait`: whole milliseconds or seconds, such as `200ms` or `2s`. Undefined for any other text. */
export function parseWait(text: string): number | undefined {
  const [, amount, unit = ''] = /^(\d{1,9})(ms|s)$/.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  return amount === undefined || unitMs === undefined ? undefined : Number(amount) * unitMs;
}
