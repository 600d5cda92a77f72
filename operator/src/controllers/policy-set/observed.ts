import type { Manifest, RevisionReason } from '@edict/bundle';
import type { PolicyRevision, PolicySet, PolicySetStatus, PolicyTestSuite } from '@edict/crds';
import type { RenderedTestSuite } from '@edict/engine';
import type { AbortCause, RolloutProgress } from '@edict/protocol';
import type { RevisionState } from '../world.ts';

/** A domain that the set is to carry, with what it was last rendered to. */
export interface MemberView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  /** The last good bundle, if there is one and it is stored. */
  readonly bundle:
    { readonly digest: string; readonly size: number; readonly gzSize: number; readonly policies: number } | undefined;
  /** Whether the domain's newest generation has been looked at. */
  readonly settled: boolean;
}

export interface RevisionView {
  readonly object: PolicyRevision;
  readonly n: number;
  readonly digest: string;
  /** What it serves, apart from generations; see `contentKey`. */
  readonly content: string;
  /** Test suites that it passed. */
  readonly suites: number;
  readonly state: RevisionState;
  readonly cause: AbortCause | undefined;
  /** Milliseconds since the epoch; of the decision, or of the creation while there is none. */
  readonly at: number;
}

/** What the set should serve now. */
export interface Wanted {
  readonly content: string;
  readonly manifest: Manifest;
  /** The manifest's canonical text, and its digest. */
  readonly text: string;
  readonly digest: string;
  readonly reason: RevisionReason;
  readonly rollbackOf?: number;
  /** A wave failed or was ended: what served before comes back, without the set having been changed. */
  readonly isAutomatic?: boolean;
  /** The revision whose content it is, to be signed by the key that signs now: nobody's answers change by it. */
  readonly renews?: number;
  /** The suites that it has to pass; none for what was served before. */
  readonly suites?: readonly WantedSuite[];
}

/** A test suite of a set. */
export interface WantedSuite {
  readonly object: PolicyTestSuite;
  readonly rendered: RenderedTestSuite;
}

/** Why the set cannot serve what it should. */
export interface Refusal {
  readonly reason: 'Invalid' | 'TooLarge' | 'TestsFailed';
  readonly message: string;
}

/** All that deciding about one set takes. */
export interface ObservedSet {
  readonly set: PolicySet;
  /** Ascending by n; of this very set object. */
  readonly revisions: readonly RevisionView[];
  /** Highest n ever given under this name. */
  readonly highestN: number;
  readonly wanted: Wanted | Refusal;
  /** The case that fails with what is wanted and served, of suites that came or changed since it was made. */
  readonly failedTest?: string;
  /** Some member has not been looked at since its last edit, or its bundle is not stored yet. */
  readonly unsettled: boolean;
  /** How long what is wanted has to stay as it is before it gets a revision; 0 for now. */
  readonly debounceMs: number;
  /** Whether there is a key to sign a revision with. */
  readonly canSign: boolean;
  /** Whether what serves, or is under way, was signed by a key that is to go, and is to be signed anew. */
  readonly isOutdated: boolean;
  readonly progress: RolloutProgress | undefined;
  /** When the status was last written by this process; 0 for never. */
  readonly statusWrittenAt: number;
  readonly statusIntervalMs: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type SetAction =
  | { readonly type: 'add-finalizer' }
  | { readonly type: 'remove-finalizer'; readonly outcome: 'Withdrawn' | 'WithdrawTimeout' | 'Forced' }
  | { readonly type: 'create-revision'; readonly n: number; readonly parent: number; readonly wanted: Wanted }
  | { readonly type: 'delete-revision'; readonly revision: PolicyRevision }
  | { readonly type: 'set-status'; readonly status: PolicySetStatus };

export interface SetPlan {
  readonly actions: readonly SetAction[];
  readonly requeueAfterMs?: number;
}

/** True for what is wanted but cannot be. */
export function isRefusal(wanted: Wanted | Refusal): wanted is Refusal {
  return 'message' in wanted;
}
