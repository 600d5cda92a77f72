import type { DecisionSignature, SignedRevision } from '@edict/bundle';
import type { SetKey } from '../identifiers.ts';
import type { Share } from '../messages.ts';
import type { DecidedWave } from '../operator/observation.ts';

/** A revision that the hub has decided for a share of the principals. */
export interface RelayedCanary {
  readonly revision: SignedRevision;
  /** As the hub named it: every site chooses the same principals. */
  readonly share: Share;
  /** The shares in the order in which the hub decided them. */
  readonly decided: readonly DecidedWave[];
  /** The hub's signature under the decision for `share`; absent where it gave none. */
  readonly decision?: DecisionSignature;
}

/**
 * What a relay knows to be decided about one set, as its disk keeps it: last known good while the hub is away. Everything
 * that is named here has its manifest and bundles beside it.
 */
export interface RelayRecord {
  readonly set: SetKey;
  readonly committed?: SignedRevision;
  /** The hub's signature under the decision for `committed`; absent where it gave none. */
  readonly decision?: DecisionSignature;
  /** Newer than `committed`, over which it is decided. */
  readonly canary?: RelayedCanary;
}
