/** What an instance is told by its set. */
export interface InstanceTerms {
  /** `Ahead`: always in memory. `OnFirstUse`: from the first request on, until none came for {@link graceMs}. */
  readonly load: 'Ahead' | 'OnFirstUse';
  readonly graceMs: number;
}

/** Where the policy of an instance is. */
export type InstancePhase =
  /** On disk. */
  | { readonly name: 'cold' }
  /** On the way into memory. `failures`: earlier tries, none of which succeeded. */
  | { readonly name: 'loading'; readonly id: number; readonly failures: number }
  | { readonly name: 'warm' }
  /** It could not be brought into memory; tried again by itself from `retryAtMs` on. */
  | { readonly name: 'broken'; readonly cause: string; readonly failures: number; readonly retryAtMs: number };

/** One virtual instance: one tenant of many in a PDP. Times are of a clock that never goes back. */
export interface InstanceState {
  readonly digest: string;
  readonly terms: InstanceTerms;
  readonly phase: InstancePhase;
  /** When a request last referred to it, as far as it was told; undefined if none ever did. */
  readonly lastUsedMs: number | undefined;
  /** When it last came into memory. */
  readonly warmSinceMs: number;
  readonly nextId: number;
}

export type InstanceEvent =
  /** The set serves this revision from now on; `inMemory`: its policy was prepared there. */
  | { readonly type: 'served'; readonly digest: string; readonly terms: InstanceTerms; readonly inMemory: boolean }
  /** A request refers to it and finds it asleep. */
  | { readonly type: 'wanted' }
  | { readonly type: 'loaded'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly cause: string }
  /** The timer that was set has run out. `lastUsedMs`: of requests since; `inUse`: one is under way. */
  | { readonly type: 'timer'; readonly lastUsedMs: number | undefined; readonly inUse: boolean };

export type InstanceEffect =
  /** Bring the policy into memory, and tell with `id` what came of it. */
  | { readonly type: 'load'; readonly id: number }
  /** Nobody waits for that load any more. */
  | { readonly type: 'cancel'; readonly id: number }
  /** Requests are answered with the policy in memory. */
  | { readonly type: 'show' }
  /** Requests find the instance asleep: they wait, or with a `failure` are refused. */
  | { readonly type: 'hide'; readonly failure: string | undefined }
  /** The policy may leave memory. */
  | { readonly type: 'release' }
  /** One timer for each instance: the last one counts. */
  | { readonly type: 'setTimer'; readonly delayMs: number }
  | { readonly type: 'clearTimer' };

export type InstanceStep = readonly [InstanceState, readonly InstanceEffect[]];

/** A load that takes longer is given up, and tried again later. */
export const LOAD_TIMEOUT_MS = 30_000;

/** The wait before a load that failed is tried again: doubled each time, up to the second of these. */
export const RETRY_MS = { first: 100, most: 30_000 } as const;

/** The longest delay that a timer is set to. */
export const LONGEST_TIMER_MS = 3_600_000;

/** An instance as its set first serves it. */
export function beginInstance(event: Extract<InstanceEvent, { type: 'served' }>, nowMs: number): InstanceStep {
  const { digest, terms } = event;
  const state = {
    digest,
    terms,
    phase: { name: 'cold' },
    lastUsedMs: undefined,
    warmSinceMs: nowMs,
    nextId: 1,
  } as const;
  return served(state, event, nowMs);
}

/** Pure: what becomes of an instance, and what is to be done. */
export function stepInstance(state: InstanceState, event: InstanceEvent, nowMs: number): InstanceStep {
  const { phase } = state;
  switch (event.type) {
    case 'served':
      return served(state, event, nowMs);
    case 'wanted':
      return wanted({ ...state, lastUsedMs: nowMs }, nowMs);
    case 'loaded':
      return phase.name === 'loading' && phase.id === event.id ? warmUp(state, nowMs) : [state, []];
    case 'failed':
      return phase.name === 'loading' && phase.id === event.id
        ? breakDown(state, phase, event.cause, nowMs)
        : [state, []];
    case 'timer': {
      const lastUsedMs = event.inUse ? nowMs : latest(state.lastUsedMs, event.lastUsedMs);
      return timer({ ...state, lastUsedMs }, nowMs);
    }
  }
}

function served(
  before: InstanceState,
  { digest, terms, inMemory }: Extract<InstanceEvent, { type: 'served' }>,
  nowMs: number,
): InstanceStep {
  const { phase } = before;
  const ended: readonly InstanceEffect[] = phase.name === 'loading' ? [{ type: 'cancel', id: phase.id }] : [];
  const state: InstanceState = { ...before, digest, terms };
  if (inMemory) return after(ended, warmUp(state, nowMs));
  // Who is in use, or awaited, goes on being so with the new revision.
  const awake = terms.load === 'Ahead' || phase.name === 'warm' || phase.name === 'loading';
  return after(ended, awake ? load(state, 0) : coolDown(state));
}

function wanted(state: InstanceState, nowMs: number): InstanceStep {
  const { phase } = state;
  switch (phase.name) {
    case 'cold':
      return load(state, 0);
    case 'broken':
      return nowMs >= phase.retryAtMs ? load(state, phase.failures) : [state, []];
    case 'loading':
    case 'warm':
      return [state, []];
  }
}

function timer(state: InstanceState, nowMs: number): InstanceStep {
  const { phase, terms } = state;
  switch (phase.name) {
    case 'cold':
      return [state, []];
    case 'loading': {
      const [broken, effects] = breakDown(state, phase, `not loaded within ${LOAD_TIMEOUT_MS} ms`, nowMs);
      return [broken, [{ type: 'cancel', id: phase.id }, ...effects]];
    }
    case 'warm': {
      if (terms.load === 'Ahead') return [state, []];
      if (graceLeft(state, nowMs) <= 0) return coolDown(state);
      return [state, [{ type: 'setTimer', delayMs: nextLook(state, nowMs) }]];
    }
    case 'broken': {
      if (nowMs < phase.retryAtMs) return [state, [{ type: 'setTimer', delayMs: phase.retryAtMs - nowMs }]];
      // What nobody has asked for in so long is tried again when somebody does.
      return terms.load === 'OnFirstUse' && graceLeft(state, nowMs) <= 0
        ? coolDown(state)
        : load(state, phase.failures);
    }
  }
}

function load(state: InstanceState, failures: number): InstanceStep {
  const id = state.nextId;
  return [
    { ...state, nextId: id + 1, phase: { name: 'loading', id, failures } },
    [
      { type: 'hide', failure: undefined },
      { type: 'setTimer', delayMs: LOAD_TIMEOUT_MS },
      { type: 'load', id },
    ],
  ];
}

function warmUp(before: InstanceState, nowMs: number): InstanceStep {
  const warmSinceMs = before.phase.name === 'warm' ? before.warmSinceMs : nowMs;
  const state: InstanceState = { ...before, phase: { name: 'warm' }, warmSinceMs };
  const timed: InstanceEffect =
    state.terms.load === 'Ahead' ? { type: 'clearTimer' } : { type: 'setTimer', delayMs: nextLook(state, nowMs) };
  return [state, [{ type: 'show' }, timed]];
}

function coolDown(state: InstanceState): InstanceStep {
  return [
    { ...state, phase: { name: 'cold' } },
    [{ type: 'hide', failure: undefined }, { type: 'release' }, { type: 'clearTimer' }],
  ];
}

function breakDown(
  state: InstanceState,
  { failures }: Extract<InstancePhase, { name: 'loading' }>,
  cause: string,
  nowMs: number,
): InstanceStep {
  const delayMs = Math.min(RETRY_MS.first * 2 ** failures, RETRY_MS.most);
  const phase: InstancePhase = { name: 'broken', cause, failures: failures + 1, retryAtMs: nowMs + delayMs };
  return [
    { ...state, phase },
    [
      { type: 'hide', failure: cause },
      { type: 'setTimer', delayMs },
    ],
  ];
}

/** The grace counts from the last request; of an instance that none has asked for yet, from when it came into memory. */
function graceLeft({ lastUsedMs, warmSinceMs, terms }: InstanceState, nowMs: number): number {
  return (lastUsedMs ?? warmSinceMs) + terms.graceMs - nowMs;
}

/** Timers do not reach as far as a grace may: a timer that is early looks and is set again. */
function nextLook(state: InstanceState, nowMs: number): number {
  return Math.min(Math.max(graceLeft(state, nowMs), 0), LONGEST_TIMER_MS);
}

function latest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}

function after(effects: readonly InstanceEffect[], [state, more]: InstanceStep): InstanceStep {
  return [state, [...effects, ...more]];
}
