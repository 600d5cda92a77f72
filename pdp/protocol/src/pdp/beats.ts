import { addClockSample } from '../clock-offset.ts';
import type { SetKey } from '../identifiers.ts';
import { TRUSTED_KEYS_MAX } from '../limits.ts';
import type { Beat, BeatAck, BeatSet, SetLoad } from '../messages.ts';
import type { PdpEffect, PdpEvent, PdpStep } from './events.ts';
import { consistencyOf, leaseLengthMs } from './lease.ts';
import { awaitsLease, leaseChange, takeWord, wordsOf } from './set-lease.ts';
import { setStateOf, type PdpState, type SetLoads, type SetMachine } from './state.ts';

/** Beats of which the answer is awaited: more than a stream may miss before it is given up. */
export const UNANSWERED_MAX = 16;

/** Says a Beat now. What was measured of the sets is told once. */
export function sayBeat(state: PdpState, now: number): PdpStep {
  const seq = state.seq + 1;
  const beat: Beat = {
    type: 'Beat',
    seq,
    sentAt: now,
    sets: [...state.sets.values()].map((machine) => beatSet(machine, state.setLoads.get(machine.set))),
    load: state.load,
    ...(state.trustedKeys === undefined ? {} : { trustedKeys: state.trustedKeys.slice(0, TRUSTED_KEYS_MAX) }),
  };
  const unanswered = new Map([...state.unanswered, [seq, now] as const].slice(-UNANSWERED_MAX));
  return { state: { ...state, seq, unanswered, setLoads: new Map() }, effects: [{ type: 'send', message: beat }] };
}

function beatSet(machine: SetMachine, loads: SetLoads | undefined): BeatSet {
  const { active, staged, canary } = machine;
  return {
    set: machine.set,
    setUid: (active ?? staged)?.revision.setUid ?? '',
    state: setStateOf(machine),
    active: active?.revision.n ?? 0,
    staged: stagedInBeat(machine),
    ...(canary === undefined ? {} : { canary: { n: canary.revision.n, upTo: canary.share.upTo } }),
    ...loads,
  };
}

/** Only what could be committed at once counts: a promise found on disk is told again when it is asked for again. */
function stagedInBeat({ active, staged }: SetMachine): number {
  if (staged?.compiled !== true) return 0;
  return active === undefined || active.revision.setUid === staged.revision.setUid ? staged.revision.n : 0;
}

/** Says a Beat at once if some set answers nothing before the operator's next word. */
export function askForLease(state: PdpState, now: number): PdpStep {
  return state.sets.values().some(awaitsLease) ? sayBeat(state, now) : { state, effects: [] };
}

/** Takes what was measured: the process's figures replace those before, those of sets are added up until the next Beat. */
export function takeLoad(state: PdpState, { load, sets }: Extract<PdpEvent, { type: 'load' }>): PdpState {
  if (sets === undefined) return { ...state, load };
  const setLoads = new Map<SetKey, SetLoads>(state.setLoads);
  for (const [set, measured] of sets) {
    if (!state.sets.has(set)) continue;
    const before = setLoads.get(set);
    setLoads.set(set, before === undefined ? measured : addLoads(before, measured));
  }
  return { ...state, load, setLoads };
}

function addLoads(a: SetLoads, b: SetLoads): SetLoads {
  const canaryLoad = a.canaryLoad === undefined ? b.canaryLoad : addLoad(a.canaryLoad, b.canaryLoad);
  return { load: addLoad(a.load, b.load), ...(canaryLoad === undefined ? {} : { canaryLoad }) };
}

function addLoad(a: SetLoad, b: SetLoad | undefined): SetLoad {
  if (b === undefined) return a;
  return {
    decisions: a.decisions + b.decisions,
    errors: a.errors + b.errors,
    denied: a.denied + b.denied,
    p99Micros: Math.max(a.p99Micros, b.p99Micros),
  };
}

/**
 * The answer to a Beat: a look at the operator's clock, and its word about what may be served. An answer to a Beat that is
 * not known vouches for nothing, since nobody knows how old it is.
 */
export function takeBeatAck(state: PdpState, ack: BeatAck, now: number): PdpStep {
  const sentAt = state.unanswered.get(ack.seq);
  if (sentAt === undefined) return { state, effects: [] };
  const unanswered = new Map([...state.unanswered].filter(([seq]) => seq > ack.seq));
  const clockSamples = addClockSample(state.clockSamples, sentAt, now, ack.clock);
  const sets = new Map(state.sets);
  const effects: PdpEffect[] = [];
  for (const word of wordsOf(ack, sentAt)) {
    const before = sets.get(word.vouch.set);
    if (before === undefined) continue;
    const isCutOff = ack.asOfAgeMs >= leaseLengthMs(consistencyOf(before.active));
    const after = takeWord(before, word, isCutOff ? now + state.config.presenceTimeoutMs : undefined);
    sets.set(after.set, after);
    effects.push(...leaseChange(before, after));
  }
  return { state: { ...state, unanswered, clockSamples, sets }, effects };
}
