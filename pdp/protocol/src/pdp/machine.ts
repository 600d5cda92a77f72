import { SETS_MAX } from '../limits.ts';
import { revisionIdOf, type SetKey } from '../identifiers.ts';
import {
  PROTOCOL_OLDEST,
  PROTOCOL_VERSION,
  type Announcement,
  type Hello,
  type HelloSet,
  type OperatorMessage,
} from '../messages.ts';
import { nextRandom } from '../random.ts';
import type { PdpEffect, PdpEvent, PdpStep, SetEvent } from './events.ts';
import { askForLease, sayBeat, takeBeatAck, takeLoad } from './beats.ts';
import { termsOf } from './commit-terms.ts';
import { activateOnTime, retryPersist, stepActivation } from './set-activation.ts';
import { bootSet, loadedSet, stepBoot } from './set-boot.ts';
import { beginFetch, expireJob, nackEffect, stepJob } from './set-job.ts';
import { onAbort, onCommit, onPrepare } from './set-offers.ts';
import { expireShadow, stepShadow } from './set-shadow.ts';
import { emptySet, retain, without, type SetStep } from './set-slots.ts';
import { NO_LOAD, type DurableRecord, type PdpConfig, type PdpState, type SetMachine } from './state.ts';

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
    setLoads: new Map(),
    unanswered: new Map(),
    clockSamples: [],
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
      return { state: takeLoad(state, event), effects: [] };
    case 'trusts':
      return { state: { ...state, trustedKeys: event.keys }, effects: [] };
    case 'message':
      return state.connection === 'Down' ? { state, effects: [] } : onMessage(state, event.message, now);
    case 'offered':
      // Whatever the operator says goes before it.
      return state.connection === 'Down' ? onAnnouncement(state, event.commit, now) : { state, effects: [] };
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
    case 'shadowed':
      return helloAfterBoot(onSetEvent(state, event, now), now);
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
  // Another replica may be at the other end, with another clock.
  const fresh = { unanswered: new Map<number, number>(), clockSamples: [] };
  return helloAfterBoot({ state: { ...state, ...fresh, connection: 'Booting', lastHeardAt: now }, effects: [] }, now);
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
    const { active, staged, lkg, canary } = machine;
    return {
      set: machine.set,
      ...(active === undefined ? {} : { active: revisionIdOf(active.revision) }),
      ...(staged === undefined ? {} : { staged: revisionIdOf(staged.revision) }),
      ...(lkg === undefined ? {} : { lkg: revisionIdOf(lkg.revision) }),
      ...(canary === undefined ? {} : { canary: { revision: revisionIdOf(canary.revision), ...canary.share } }),
    };
  });
  const versions = { protocol: PROTOCOL_VERSION, oldestProtocol: PROTOCOL_OLDEST };
  return { type: 'Hello', ...versions, engine, sets, bootReason: state.bootReason, capacityBytes };
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
    case 'activate':
      return updateSet(state, activateOnTime(machine));
    case 'shadow':
      return updateSet(state, expireShadow(machine));
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
  const said = sayBeat({ ...state, random }, now);
  const next: PdpEffect = { type: 'setTimer', key: BEAT_TIMER, delayMs: beatDelay(state.heartbeatMs, jitter) };
  return { state: said.state, effects: [...said.effects, next] };
}

function onMessage(previous: PdpState, message: OperatorMessage, now: number): PdpStep {
  const state = { ...previous, lastHeardAt: now };
  switch (message.type) {
    case 'Welcome': {
      const { sets, artifactsUrl, heartbeatMs, fallbackSources, redialMaxMs } = message;
      const step = askForLease({ ...state, heartbeatMs }, now);
      const assigned: PdpEffect = {
        type: 'assigned',
        sets,
        artifactsUrl,
        ...(fallbackSources === undefined ? {} : { fallbackSources }),
        ...(redialMaxMs === undefined ? {} : { redialMaxMs }),
      };
      return { state: step.state, effects: [assigned, ...step.effects] };
    }
    case 'BeatAck':
      return takeBeatAck(state, message, now);
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
      return onAnnouncement(state, message, now);
  }
}

function onAnnouncement(state: PdpState, message: Announcement, now: number): PdpStep {
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
  const step =
    message.type === 'Prepare'
      ? onPrepare(machine, message, value)
      : onCommit(machine, message, termsOf(message, state.clockSamples, now), value);
  return updateSet({ ...state, random }, step);
}

function onSetEvent(state: PdpState, event: SetEvent, now: number): PdpStep {
  const machine = state.sets.get(event.set);
  if (machine === undefined) return { state, effects: [] };
  const step = updateSet(state, stepSet(machine, event, state.config, now));
  if (event.type !== 'swapped' || state.connection !== 'Up') return step;
  // What waits for a word of the operator is not to wait for the next beat too.
  const asked = askForLease(step.state, now);
  return { state: asked.state, effects: [...step.effects, ...asked.effects] };
}

function stepSet(machine: SetMachine, event: SetEvent, config: PdpConfig, now: number): SetStep {
  if (event.type === 'shadowed') return stepShadow(machine, event);
  const { activation, job } = machine;
  if (activation?.id === event.id && event.type === 'failed') {
    const { phase, code, detail } = event;
    const refused = { phase, code, deterministic: false, detail };
    const { revision, manifest } = activation.slot;
    const next = without(machine, 'activation', 'commitWhenFree');
    // The record on disk names it already, as the decision does.
    return [next, [nackEffect(machine.set, revision, refused), retain(next, manifest.bundles)]];
  }
  const activated = stepActivation(machine, event, config, now);
  if (activated !== undefined) return activated;
  if (job?.id !== event.id) return [machine, []];
  return job.kind === 'Boot' ? stepBoot(machine, job, event, now) : stepJob(machine, job, event, config);
}
