import type { PdpListing, RolloutProgress } from '@edict/protocol';
import type { PolicySet } from '@edict/crds';
import { revisionsOf, type World } from '../controllers/world.ts';
import type { EventSink } from '../events.ts';
import type { Operator } from '../operator-types.ts';
import { keyOf, keyText } from '../store/object-key.ts';
import type { Store } from '../store/store.ts';
import type { ReadBundle } from './views/revision-diff.ts';
import type { SetSight } from './views/sight.ts';

/** What the replica that leads knows, and where it writes. */
export interface ConsoleSource {
  readonly world: Pick<World, 'sets' | 'revisions' | 'domains'>;
  /** What the distribution says of a set, `namespace/name`; undefined while it has not heard from the PDPs. */
  readonly progress: (set: string) => RolloutProgress | undefined;
  readonly pdps: (set: string) => readonly PdpListing[];
  readonly readBundle: ReadBundle;
  readonly store: Store;
  readonly events: EventSink;
}

/** What a running operator knows. */
export function sourceOf(
  operator: Operator,
  { store, events }: { readonly store: Store; readonly events: EventSink },
): ConsoleSource {
  const distributor = operator.distributor();
  return {
    world: operator.world(),
    // Right after a change of leader counts would show losses that are none.
    progress: (set) => (distributor.isSettled(set) ? distributor.progress(set) : undefined),
    pdps: distributor.pdps,
    readBundle: async (_namespace, digest) =>
      await operator.backend().getBundle(digest as `sha256:${string}`, AbortSignal.timeout(READ_MS)),
    store,
    events,
  };
}

/** Longest read of one bundle. */
const READ_MS = 10_000;

/** A set as it is now. */
export function sightOf({ world, progress }: ConsoleSource, set: PolicySet): SetSight {
  const told = progress(keyText(keyOf(set)));
  return {
    set,
    revisions: revisionsOf(world, set),
    ...(told === undefined || told.setUid !== set.metadata.uid ? {} : { progress: told }),
  };
}
