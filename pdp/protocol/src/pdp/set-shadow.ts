import { revisionIdOf } from '../identifiers.ts';
import { SHADOW_SAMPLES_MAX, SHADOW_TEXT_MAX_BYTES } from '../limits.ts';
import type { ShadowCounts, ShadowReport, ShadowRequest, ShadowSample } from '../messages.ts';
import { clampUtf8 } from '../nack.ts';
import type { PdpEffect, SetEvent } from './events.ts';
import { without, type SetStep } from './set-slots.ts';
import type { SetMachine, ShadowRun, SpareSlot } from './state.ts';

/**
 * What the server may take beyond the window to load the candidate and to say `done`, milliseconds. After it the run is ended
 * with what is there.
 */
export const SHADOW_GRACE_MS = 20_000;

const NOTHING_COMPARED: ShadowCounts = {
  total: 0,
  changed: 0,
  grantToDeny: 0,
  denyToGrant: 0,
  errors: 0,
  dropped: 0,
};

/** Key of the timer that ends a shadow evaluation which does not end by itself. */
export function shadowTimer(set: string): string {
  return `shadow/${set}`;
}

/** How far the run is. */
export function shadowReport(set: string, { revision, done, counts, samples }: ShadowRun): ShadowReport {
  return { type: 'ShadowReport', set, revision, done, counts, samples };
}

/** Starts to evaluate live requests with the staged revision, or says how far that is if it was started before. */
export function beginShadow(machine: SetMachine, staged: SpareSlot, request: ShadowRequest): SetStep {
  const { set, shadow, active } = machine;
  const revision = revisionIdOf(staged.revision);
  if (shadow?.revision.digest === revision.digest && shadow.revision.n === revision.n) {
    return [machine, [{ type: 'send', message: shadowReport(set, shadow) }]];
  }
  const [clear, effects] = endShadow(machine);
  const id = clear.nextId;
  const run: ShadowRun = { id, revision, done: active === undefined, counts: NOTHING_COMPARED, samples: [] };
  const next: SetMachine = { ...clear, nextId: id + 1, shadow: run };
  // Nothing is served: there is nothing to compare with, and nobody to wait for.
  if (active === undefined) return [next, [...effects, { type: 'send', message: shadowReport(set, run) }]];
  const { samplePpm, windowMs } = request;
  return [
    next,
    [
      ...effects,
      { type: 'setTimer', key: shadowTimer(set), delayMs: windowMs + SHADOW_GRACE_MS },
      { type: 'startShadow', set, id, revision: staged.revision, samplePpm, windowMs },
    ],
  ];
}

/** Ends the run under way and forgets it: what it was for is decided, given up or replaced. */
export function endShadow(machine: SetMachine): SetStep {
  const { set, shadow } = machine;
  if (shadow === undefined) return [machine, []];
  const next = without(machine, 'shadow');
  if (shadow.done) return [next, []];
  return [
    next,
    [
      { type: 'clearTimer', key: shadowTimer(set) },
      { type: 'stopShadow', set, id: shadow.id },
    ],
  ];
}

/** News of the run under way. */
export function stepShadow(machine: SetMachine, event: Extract<SetEvent, { type: 'shadowed' }>): SetStep {
  const { set, shadow } = machine;
  if (shadow === undefined || shadow.id !== event.id || shadow.done) return [machine, []];
  const { counts, done } = event;
  const run = { ...shadow, counts, done, samples: event.samples.slice(0, SHADOW_SAMPLES_MAX).map(clamped) };
  const effects: PdpEffect[] = done ? [{ type: 'clearTimer', key: shadowTimer(set) }] : [];
  return [{ ...machine, shadow: run }, [...effects, { type: 'send', message: shadowReport(set, run) }]];
}

/** The window passed and nobody said so: what was counted so far is the result. */
export function expireShadow(machine: SetMachine): SetStep {
  const { set, shadow } = machine;
  if (shadow === undefined || shadow.done) return [machine, []];
  const run = { ...shadow, done: true };
  return [
    { ...machine, shadow: run },
    [
      { type: 'stopShadow', set, id: shadow.id },
      { type: 'send', message: shadowReport(set, run) },
    ],
  ];
}

function clamped({ difference, principal, operation, resource }: ShadowSample): ShadowSample {
  const cut = (text: string): string => clampUtf8(text, SHADOW_TEXT_MAX_BYTES);
  return { difference, principal: cut(principal), operation: cut(operation), resource: cut(resource) };
}
