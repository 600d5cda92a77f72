import type { SignedRevision } from '@edict/bundle';
import type { Digest, RevisionId, SetKey } from '../identifiers.ts';
import type { NackDetail, NackPhase, OperatorMessage, PdpMessage } from '../messages.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import type { SessionId } from '../operator/sessions.ts';
import type { RelayRecord } from './record.ts';

/** What a relay's machine reacts to. Its hub is upstream, its PDPs are downstream. */
export type RelayEvent =
  /** The stream to the hub is open, or ended. */
  | { readonly type: 'hubConnected' }
  | { readonly type: 'hubDisconnected' }
  | { readonly type: 'hubSaid'; readonly message: OperatorMessage }
  /** Signature and digests of the revision hold, and manifest and bundles are on disk. */
  | { readonly type: 'fetched'; readonly set: SetKey; readonly revision: RevisionId; readonly isStrict: boolean }
  | {
      readonly type: 'fetchFailed';
      readonly set: SetKey;
      readonly revision: RevisionId;
      readonly phase: NackPhase;
      readonly code: string;
      readonly deterministic: boolean;
      readonly detail: NackDetail;
    }
  /** The answer to `store`: the record survives a crash, or could not be written. */
  | { readonly type: 'stored'; readonly set: SetKey; readonly id: number; readonly isDurable: boolean }
  /** An authenticated stream of a PDP. */
  | { readonly type: 'opened'; readonly sessionId: SessionId; readonly identity: PeerIdentity }
  | { readonly type: 'message'; readonly sessionId: SessionId; readonly message: PdpMessage }
  | { readonly type: 'closed'; readonly sessionId: SessionId }
  /** Soon after `progressed`: one look for many changes, since it costs in proportion to the site. */
  | { readonly type: 'look' }
  /** About twice a second. */
  | { readonly type: 'tick' }
  /** Ask this share of the PDPs' streams (0–1) to go elsewhere. */
  | { readonly type: 'drain'; readonly share: number; readonly reason: string };

/** What a relay's machine wants done, in order. */
export type RelayEffect =
  /** To the hub. */
  | { readonly type: 'say'; readonly message: PdpMessage }
  | { readonly type: 'hangUp'; readonly reason: string; readonly redialAfterMs?: number }
  /**
   * Get the revision's manifest and what it names onto the disk, with every digest and the signature checked, and answer
   * `fetched` or `fetchFailed`. Ends the fetch before it for the set.
   */
  | {
      readonly type: 'fetch';
      readonly set: SetKey;
      readonly revision: SignedRevision;
      readonly ticket: string;
      readonly artifactsUrl: string;
      /** After so long it counts as failed. */
      readonly deadlineMs: number;
    }
  /** Write the record durably, and answer `stored`. Nobody is told of what is in it before that. */
  | { readonly type: 'store'; readonly set: SetKey; readonly id: number; readonly record: RelayRecord }
  /** Of this set only these manifests, and what they name, are needed from now on. */
  | { readonly type: 'retain'; readonly set: SetKey; readonly manifests: readonly Digest[] }
  /** To a PDP. */
  | { readonly type: 'send'; readonly sessionId: SessionId; readonly message: OperatorMessage }
  | { readonly type: 'close'; readonly sessionId: SessionId; readonly reason: string }
  /** What the PDPs of the site say of the set may have changed: `look` in a moment. */
  | { readonly type: 'progressed'; readonly set: SetKey };
