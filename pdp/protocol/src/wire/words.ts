import * as gen from '../gen/edict/distribution/v1/distribution.ts';
import type { AbortReason, BootReason, CommitTiming, NackPhase, SetState, ShadowDifference } from '../messages.ts';
import type { SignedRevision } from '@edict/bundle';
import { wordCodec } from './checks.ts';

export const revisionReasons = wordCodec<SignedRevision['reason'], gen.RevisionReason>({
  Spec: gen.RevisionReason.SPEC,
  Rollback: gen.RevisionReason.ROLLBACK,
  Withdraw: gen.RevisionReason.WITHDRAW,
  Emergency: gen.RevisionReason.EMERGENCY,
});

export const bootReasons = wordCodec<BootReason, gen.BootReason>({
  Fresh: gen.BootReason.FRESH,
  Restart: gen.BootReason.RESTART,
  Reconnect: gen.BootReason.RECONNECT,
});

export const nackPhases = wordCodec<NackPhase, gen.NackPhase>({
  Fetch: gen.NackPhase.FETCH,
  Verify: gen.NackPhase.VERIFY,
  Compile: gen.NackPhase.COMPILE,
  Test: gen.NackPhase.TEST,
  Resources: gen.NackPhase.RESOURCES,
  Commit: gen.NackPhase.COMMIT,
});

export const setStates = wordCodec<SetState, gen.SetState>({
  Empty: gen.SetState.EMPTY,
  Fetching: gen.SetState.FETCHING,
  Verified: gen.SetState.VERIFIED,
  Compiled: gen.SetState.COMPILED,
  Staged: gen.SetState.STAGED,
  Active: gen.SetState.ACTIVE,
});

export const abortReasons = wordCodec<AbortReason, gen.AbortReason>({
  Nack: gen.AbortReason.NACK,
  Timeout: gen.AbortReason.TIMEOUT,
  Superseded: gen.AbortReason.SUPERSEDED,
  User: gen.AbortReason.USER,
  Gate: gen.AbortReason.GATE,
  Analysis: gen.AbortReason.ANALYSIS,
});

export const commitTimings = wordCodec<CommitTiming, gen.CommitTiming>({
  OnTime: gen.CommitTiming.ON_TIME,
  Late: gen.CommitTiming.LATE,
  ClockUnsure: gen.CommitTiming.CLOCK_UNSURE,
});

export const shadowDifferences = wordCodec<ShadowDifference, gen.ShadowDifference>({
  GrantToDeny: gen.ShadowDifference.GRANT_TO_DENY,
  DenyToGrant: gen.ShadowDifference.DENY_TO_GRANT,
  Error: gen.ShadowDifference.ERROR,
  Other: gen.ShadowDifference.OTHER,
});
