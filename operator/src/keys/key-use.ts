import type { PolicyRevision } from '@edict/crds';
import type { PdpListing } from '@edict/protocol';
import { stateOf, type World } from '../controllers/world.ts';
import { keyOf, keyText } from '../store/object-key.ts';

/** Who trusts what, and what rests on which key. */
export interface KeyUse {
  /** Connected PDPs that tell which keys they trust, without `nextId` among them. */
  readonly lacking: readonly string[];
  /** Connected PDPs that do not tell. */
  readonly silent: readonly string[];
  /** Sets and PDPs by the id of the key that signed what they rest on. */
  readonly holders: ReadonlyMap<string, readonly string[]>;
}

/**
 * From the objects and the distribution's memory. A set rests on the keys of its committed revision and of what is under
 * way; a PDP on the key of what it serves, and as long as nobody knows what that is, on every key in `retiringIds`. Pure.
 */
export function keyUseOf(
  world: Pick<World, 'sets' | 'revisions'>,
  pdps: readonly PdpListing[],
  nextId: string | undefined,
  retiringIds: readonly string[],
): KeyUse {
  const connected = pdps.filter((pdp) => pdp.connected);
  const holders = new Map<string, string[]>();
  const hold = (keyId: string, holder: string): void => {
    const known = holders.get(keyId);
    if (known === undefined) holders.set(keyId, [holder]);
    else if (!known.includes(holder)) known.push(holder);
  };
  const bySet = Map.groupBy(world.revisions.list(), ({ metadata, spec }) => `${metadata.namespace ?? ''}/${spec.set}`);
  const uidOf = new Map(world.sets.list().map((set) => [keyText(keyOf(set)), set.metadata.uid]));
  for (const [set, revisions] of bySet) {
    for (const { spec } of restingOn(revisions.filter((revision) => revision.spec.setUid === uidOf.get(set)))) {
      hold(spec.keyId, `set ${set}`);
    }
  }
  for (const { pod, sets, connected: isHere } of pdps) {
    for (const { set, active } of sets) {
      // A PDP that has nothing yet gets what is committed; one that is away may have anything on its disk.
      if (active === 0 && isHere) continue;
      const served = bySet.get(set)?.find(({ spec }) => spec.n === active && spec.setUid === uidOf.get(set));
      if (served !== undefined) hold(served.spec.keyId, `PDP ${pod}`);
      else for (const keyId of retiringIds) hold(keyId, `PDP ${pod}${isHere ? '' : ', which is away,'}`);
    }
  }
  return {
    lacking: nextId === undefined ? [] : connected.filter((pdp) => lacks(pdp, nextId)).map(({ pod }) => pod),
    silent: connected.filter(({ trustedKeys }) => trustedKeys === undefined).map(({ pod }) => pod),
    holders,
  };
}

function lacks({ trustedKeys }: PdpListing, keyId: string): boolean {
  return trustedKeys !== undefined && !trustedKeys.includes(keyId);
}

/** The committed revision, and those that are under way or hang in the middle. */
function restingOn(revisions: readonly PolicyRevision[]): readonly PolicyRevision[] {
  const committed = revisions
    .filter((revision) => stateOf(revision) === 'Committed')
    .reduce<PolicyRevision | undefined>((last, next) => (next.spec.n > (last?.spec.n ?? 0) ? next : last), undefined);
  const open = revisions.filter((revision) => ['Open', 'Stopped'].includes(stateOf(revision)));
  const later = open.filter(({ spec }) => spec.n > (committed?.spec.n ?? 0));
  return committed === undefined ? later : [committed, ...later];
}
