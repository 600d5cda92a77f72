import type * as gen from '../gen/edict/distribution/v1/distribution.ts';
import { SALT_MAX_LENGTH } from '../limits.ts';
import type { Share } from '../messages.ts';
import { text, whole } from './checks.ts';

/** Ten thousandths of a whole that are less than the whole and more than nothing. */
export function basisPoints(value: number, field: string): number {
  return whole(value, field, 1, 9_999);
}

/** A share of the principals, checked. @throws WireError */
export function shareFromGen({ salt, upTo }: gen.Share, field: string): Share {
  return { salt: text(salt, `${field}.salt`, SALT_MAX_LENGTH), upTo: basisPoints(upTo, `${field}.up_to`) };
}

/** The revision that a share gets, and the share, checked. @throws WireError */
export function canaryFromGen({ n, upTo }: gen.CanaryBeat): { readonly n: number; readonly upTo: number } {
  return { n: whole(n, 'canary.n', 1), upTo: basisPoints(upTo, 'canary.up_to') };
}
