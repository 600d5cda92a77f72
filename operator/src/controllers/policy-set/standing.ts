import type { AbortReason } from '@edict/protocol';
import type { Refusal, RevisionView, Wanted } from './observed.ts';

/** Whether a set has what it should and, if not, what is in the way. */
export type Standing =
  | { readonly type: 'Withdrawing' }
  | { readonly type: 'Refused'; readonly refusal: Refusal }
  /** It has no domain, and never had. */
  | { readonly type: 'Empty' }
  /** `head` has what is wanted; it may still be on its way. */
  | { readonly type: 'Settled'; readonly head: RevisionView }
  | { readonly type: 'Paused' }
  /** This very content was given up before; `isRolledBack`: some PDPs or principals were served it. */
  | {
      readonly type: 'Failed';
      readonly message: string;
      readonly n: number | undefined;
      readonly cause: AbortReason;
      readonly isRolledBack: boolean;
    }
  | { readonly type: 'Resting'; readonly remainingMs: number }
  /** It will get a revision once edits have settled. */
  | { readonly type: 'Waiting'; readonly remainingMs: number; readonly unsettled: boolean }
  | { readonly type: 'Due'; readonly wanted: Wanted };
