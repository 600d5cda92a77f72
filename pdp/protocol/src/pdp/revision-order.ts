import type { SignedRevision } from '@edict/bundle';

/** How an offered revision relates to one that the PDP has. */
export type RevisionOrder = 'Older' | 'Same' | 'Newer' | 'Conflict' | 'OtherSetOlder';

/**
 * Orders `offered` against `held`. Within one set UID `n` decides, and the same `n` with another digest is a conflict.
 * A set that was deleted and made again starts at 1 with another UID: then the signed creation time decides, so that a
 * revision of the deleted set can not be replayed over its successor.
 */
export function orderRevisions(held: SignedRevision, offered: SignedRevision): RevisionOrder {
  if (held.setUid !== offered.setUid) {
    return Date.parse(offered.createdAt) > Date.parse(held.createdAt) ? 'Newer' : 'OtherSetOlder';
  }
  if (offered.n !== held.n) return offered.n > held.n ? 'Newer' : 'Older';
  return offered.digest === held.digest ? 'Same' : 'Conflict';
}
