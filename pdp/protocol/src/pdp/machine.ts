import { SETS_MAX } from '../limits.ts';
import { revisionIdOf, type SetKey } from '../identifiers.ts';
import {
  PROTOCOL_VERSION,
  type Announcement,
  type Beat,
  type Hello,
  type HelloSet,
  type OperatorMessage,
  type PdpMessage,
} from '../messages.ts';
import { nextRandom } from '../random.ts';
import type { PdpEffect, PdpEvent, PdpStep, SetEvent } from './events.ts';
import { retryPersist, stepActivation } from './set-activation.ts';
import { bootSet, loadedSet, stepBoot } from './set-boot.ts';
import { beginFetch, expireJob, nackEffect, stepJob } from './set-job.ts';
import { onAbort, onCommit, onPrepare } from './set-offers.ts';
import { emptySet, without, type SetStep } from './set-slots.ts';
import { NO_LOAD, setStateOf, type DurableRecord, type PdpConfig, type PdpState, type SetMachine } from './state.ts';

const BEAT_TIMER = 'beat';

/**
 * The state before the event `boot`. `records` is what the disk held, already verified; `seed` feeds the machine's own
 * random numbers (waits and jitter), so that equal seeds and events give equal runs.
 */
export function createPdp(config: PdpConfig, records: ReadonlyMap<SetKey, DurableRecord>, seed: number): PdpState {
  return {
    config,
    connection: 'Down',
    sets: new Map([...records].map(([set, record]) => [set, loadedSet(set, record)])),
    bootReason: records.size === 0 ? 'Fresh' : 'Restart',
    seq: 0,
    heartbeatMs: config.heartbeatMs,
    lastHeardAt: 0,
    load: NO_LOAD,
    random: seed | 0,
  };
}

/**
 * One step of a PDP. Pure: the same state, event and time give the same answer. `now` is milliseconds of a clock that
 * never goes back. Events that do not fit the state (late, repeated, unknown) change nothing.
 */
export function stepPdp(state: PdpState, event: PdpEvent, now: number): PdpStep {
  switch (event.type) {
    case 'boot':
      return bootAll(state);
    case 'connected':
      return connect(state, now);
    case 'disconnected':
      return { state: { ...state, connection: 'Down' }, effects: [{ type: 'clearTimer', key: BEAT_TIMER }] };
    case 'load':
      return { state: { ...state, load: event.load }, effects: [] };
    case 'message':
      return state.connection === 'Down' ? { state, effects: [] } : onMessage(state, event.message, now);
    case 'timer':
      return onTimer(state, event.key, now);
    case 'verified':
    case 'bundlesFetched':
    case 'compiled':
    case 'testsDone':
    case 'failed':
    case 'persisted':
    case 'persistFailed':
    case 'swapped':
      return helloAfterBoot(onSetEvent(state, event), now);
  }
}

function updateSet(state: PdpState, [machine, effects]: SetStep): PdpStep {
  const sets = new Map(state.sets).set(machine.set, machine);
  // Off line nothing is said: the Hello of the next stream tells where everything stands.
  const kept = state.connection === 'Up' ? effects : effects.filter((effect) => effect.type !== 'send');
  return { state: { ...state, sets }, effects: kept };
}

function bootAll(state: PdpState): PdpStep {
  let step: PdpStep = { state, effects: [] };
  for (const machine of state.sets.values()) {
    const next = updateSet(step.state, bootSet(machine));
    step = { state: next.state, effects: [...step.effects, ...next.effects] };
  }
  return step;
}

function isBooting(state: PdpState): boolean {
  return state.sets.values().some((machine) => machine.job?.kind === 'Boot');
}

/** A stream is open. Hello waits for the boot, so that it tells what is really served. */
function connect(state: PdpState, now: number): PdpStep {
  return helloAfterBoot({ state: { ...state, connection: 'Booting', lastHeardAt: now }, effects: [] }, now);
}

function helloAfterBoot(step: PdpStep, now: number): PdpStep {
  const { state } = step;
  if (state.connection !== 'Booting' || isBooting(state)) return step;
  const [jitter, random] = nextRandom(state.random);
  return {
    state: { ...state, connection: 'Up', bootReason: 'Reconnect', lastHeardAt: now, random },
    effects: [
      ...step.effects,
      { type: 'send', message: helloOf(state) },
      { type: 'setTimer', key: BEAT_TIMER, delayMs: beatDelay(state.heartbeatMs, jitter) },
    ],
  };
}

/** The period ± 20 %, so that a fleet's beats do not fall together. */
function beatDelay(heartbeatMs: number, random: number): number {
  return Math.round(heartbeatMs * (0.8 + 0.4 * random));
}

function helloOf(state: PdpState): Hello {
  const { engine, capacityBytes } = state.config;
  const sets = [...state.sets.values()].map((machine): HelloSet => {
    const { active, staged, lkg } = machine;
    return {
      set: machine.set,
      ...(active === undefined ? {} : { active: revisionIdOf(active.revision) }),
      ...(staged === undefined ? {} : { staged: revisionIdOf(staged.revision) }),
      ...(lkg === undefined ? {} : { lkg: revisionIdOf(lkg.revision) }),
    };
  });
  return { type: 'Hello', protocol: PROTOCOL_VERSION, engine, sets, bootReason: state.bootReason, capacityBytes };
}

function beatOf(state: PdpState, now: number): Beat {
  const sets = [...state.sets.values()].map((machine) => ({
    set: machine.set,
    setUid: (machine.active ?? machine.staged)?.revision.setUid ?? '',
    state: setStateOf(machine),
    active: machine.active?.revision.n ?? 0,
    staged: stagedInBeat(machine),
  }));
  return { type: 'Beat', seq: state.seq + 1, sentAt: now, sets, load: state.load };
}

/** Only what could be committed at once counts: a promise found on disk is told again when it is asked for again. */
function stagedInBeat({ active, staged }: SetMachine): number {
  if (staged?.compiled !== true) return 0;
  return active === undefined || active.revision.setUid === staged.revision.setUid ? staged.revision.n : 0;
}

function send(message: PdpMessage): PdpEffect {
  return { type: 'send', message };
}

function onTimer(state: PdpState, key: string, now: number): PdpStep {
  if (key === BEAT_TIMER) return beat(state, now);
  const slash = key.indexOf('/');
  const machine = state.sets.get(key.slice(slash + 1));
  if (slash < 0 || machine === undefined) return { state, effects: [] };
  switch (key.slice(0, slash)) {
    case 'spread':
      return updateSet(state, beginFetch(machine));
    case 'deadline':
      return updateSet(state, expireJob(machine));
    case 'persist':
      return updateSet(state, retryPersist(machine));
    default:
      return { state, effects: [] };
  }
}

function beat(state: PdpState, now: number): PdpStep {
  if (state.connection !== 'Up') return { state, effects: [] };
  if (now - state.lastHeardAt > state.config.presenceTimeoutMs) {
    const silence = `nothing heard for ${now - state.lastHeardAt} ms`;
    return { state: { ...state, connection: 'Down' }, effects: [{ type: 'disconnect', reason: silence }] };
  }
  const [jitter, random] = nextRandom(state.random);
  return {
    state: { ...state, seq: state.seq + 1, random },
    effects: [
      send(beatOf(state, now)),
      { type: 'setTimer', key: BEAT_TIMER, delayMs: beatDelay(state.heartbeatMs, jitter) },
    ],
  };
}

function onMessage(previous: PdpState, message: OperatorMessage, now: number): PdpStep {
  const state = { ...previous, lastHeardAt: now };
  switch (message.type) {
    case 'Welcome': {
      const { sets, artifactsUrl, heartbeatMs } = message;
      return { state: { ...state, heartbeatMs }, effects: [{ type: 'assigned', sets, artifactsUrl }] };
    }
    case 'BeatAck':
      return { state, effects: [] };
    case 'Reconnect':
    case 'Retry': {
      const { afterMs, reason } = message;
      const effects: PdpEffect[] = [
        { type: 'clearTimer', key: BEAT_TIMER },
        { type: 'disconnect', reason, redialAfterMs: afterMs },
      ];
      return { state: { ...state, connection: 'Down' }, effects };
    }
    case 'Prepare':
    case 'Commit':
    case 'Abort':
      return onAnnouncement(state, message);
  }
}

function onAnnouncement(state: PdpState, message: Announcement): PdpStep {
  const known = state.sets.get(message.set);
  if (message.type === 'Abort') {
    return known === undefined ? { state, effects: [] } : updateSet(state, onAbort(known, message));
  }
  if (known === undefined && state.sets.size >= SETS_MAX) {
    const detail = { message: `this PDP holds ${SETS_MAX} sets already` };
    const refused = { phase: 'Resources', code: 'TooManySets', deterministic: false, detail } as const;
    return { state, effects: [nackEffect(message.set, message.revision, refused)] };
  }
  if (message.revision.set !== message.set) {
    const detail = { message: `the message is about ${message.set}, its revision about ${message.revision.set}` };
    const refused = { phase: 'Verify', code: 'SetMismatch', deterministic: false, detail } as const;
    return { state, effects: [nackEffect(message.set, message.revision, refused)] };
  }
  const machine = known ?? emptySet(message.set);
  const [value, random] = nextRandom(state.random);
  const step = message.type === 'Prepare' ? onPrepare(machine, message, value) : onCommit(machine, message, value);
  return updateSet({ ...state, random }, step);
}

function onSetEvent(state: PdpState, event: SetEvent): PdpStep {
  const machine = state.sets.get(event.set);
  if (machine === undefined) return { state, effects: [] };
  return updateSet(state, stepSet(machine, event, state.config));
}

function stepSet(machine: SetMachine, event: SetEvent, config: PdpConfig): SetStep {
  const { activation, job } = machine;
  if (activation?.id === event.id && event.type === 'failed') {
    const { phase, code, detail } = event;
    const refused = { phase, code, deterministic: false, detail };
    return [
      without(machine, 'activation', 'commitWhenFree'),
      [nackEffect(machine.set, activation.slot.revision, refused)],
    ];
  }
  const activated = stepActivation(machine, event, config);
  if (activated !== undefined) return activated;
  if (job?.id !== event.id) return [machine, []];
  return job.kind === 'Boot' ? stepBoot(machine, job, event) : stepJob(machine, job, event, config);
}
