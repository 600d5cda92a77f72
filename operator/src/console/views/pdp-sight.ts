import type { PdpListing, PdpSetListing } from '@edict/protocol';
import { committedOf, stateOf } from '../../controllers/world.ts';
import { keyOf, keyText } from '../../store/object-key.ts';
import { leaseMsOf } from './set-view.ts';
import { newestOf, type SetSight } from './sight.ts';

/** One PDP of a set, with what the set wants of it. */
export interface PdpSight {
  readonly listing: PdpListing;
  readonly entry: PdpSetListing;
  readonly sight: SetSight;
  /** Newest revision that is decided for everyone, the revision under way, and the newest of all; 0 for none. */
  readonly committed: number;
  readonly open: number;
  readonly newest: number;
  /** Latest end of its lease, milliseconds since 1970; undefined if nobody ever vouched for it. */
  readonly leaseUntil: number | undefined;
  readonly now: number;
}

/** The PDPs of one set, of all that the distribution lists. */
export function sightPdps(sight: SetSight, listings: readonly PdpListing[], now: number): readonly PdpSight[] {
  const set = keyText(keyOf(sight.set));
  const newest = newestOf(sight);
  const common = {
    sight,
    committed: committedOf(sight.revisions)?.spec.n ?? 0,
    open: newest !== undefined && stateOf(newest) === 'Open' ? newest.spec.n : 0,
    newest: newest?.spec.n ?? 0,
    now,
  };
  const leaseMs = leaseMsOf(sight.set);
  return listings.flatMap((listing) => {
    const entry = listing.sets.find((one) => one.set === set);
    if (entry === undefined) return [];
    const leaseUntil = listing.lastBeatAt === 0 ? undefined : listing.lastBeatAt + leaseMs;
    return [{ ...common, listing, entry, leaseUntil }];
  });
}
