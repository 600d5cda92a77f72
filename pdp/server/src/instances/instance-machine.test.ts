import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  beginInstance,
  LOAD_TIMEOUT_MS,
  LONGEST_TIMER_MS,
  RETRY_MS,
  stepInstance,
  type InstanceEffect,
  type InstanceEvent,
  type InstanceState,
  type InstanceTerms,
} from './instance-machine.ts';

/** What requests do and time does to an instance, in random order. */
type Command =
  | { readonly do: 'serve'; readonly inMemory: boolean; readonly terms: InstanceTerms }
  | { readonly do: 'want' }
  | { readonly do: 'use' }
  | { readonly do: 'begin' | 'end' }
  | { readonly do: 'answer'; readonly ok: boolean; readonly late: boolean }
  | { readonly do: 'wait'; readonly ms: number };

const terms = fc.record<InstanceTerms>({
  load: fc.constantFrom('Ahead', 'OnFirstUse'),
  graceMs: fc.constantFrom(0, 1_000, 60_000, 2 * LONGEST_TIMER_MS),
});

const command = fc.oneof<fc.Arbitrary<Command>[]>(
  // What is kept on disk only is kept so because its set wants it so.
  fc.record({ do: fc.constant('serve' as const), inMemory: fc.boolean(), terms }),
  fc.record({ do: fc.constant('want' as const) }),
  fc.record({ do: fc.constant('use' as const) }),
  fc.record({ do: fc.constantFrom('begin' as const, 'end' as const) }),
  fc.record({ do: fc.constant('answer' as const), ok: fc.boolean(), late: fc.boolean() }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 99, 1_000, 30_000, 60_000, LONGEST_TIMER_MS) }),
);

/** The world around a machine: it does the effects, and keeps count of what the machine may rely on. */
class World {
  nowMs = 0;
  state: InstanceState;
  revisions = 0;
  /** Loads that nobody has answered or cancelled. */
  readonly open = new Set<number>();
  readonly abandoned: number[] = [];
  timerAtMs: number | undefined;
  visible: string | undefined;
  failure: string | undefined;
  inMemory: string | undefined;
  usedMs: number | undefined;
  requests = 0;

  constructor(first: { readonly inMemory: boolean; readonly terms: InstanceTerms }) {
    const event = this.served(first);
    const [state, effects] = beginInstance(event, this.nowMs);
    this.state = state;
    effects.forEach((effect) => this.perform(effect));
    this.check();
  }

  served({ inMemory, terms: given }: { readonly inMemory: boolean; readonly terms: InstanceTerms }) {
    const digest = `revision ${++this.revisions}`;
    this.inMemory = inMemory ? digest : undefined;
    return { type: 'served', digest, terms: given, inMemory } as const;
  }

  tell(event: InstanceEvent): void {
    const before = this.state;
    const [state, effects] = stepInstance(before, event, this.nowMs);
    this.state = state;
    effects.forEach((effect) => this.perform(effect));
    const isCollected = before.phase.name === 'warm' && state.phase.name === 'cold' && event.type === 'timer';
    if (isCollected) {
      const idleSince = Math.max(this.usedMs ?? 0, before.lastUsedMs ?? before.warmSinceMs);
      expect(this.nowMs - idleSince).toBeGreaterThanOrEqual(state.terms.graceMs);
      expect(state.terms.load).toBe('OnFirstUse');
    }
    this.check();
  }

  perform(effect: InstanceEffect): void {
    switch (effect.type) {
      case 'load':
        expect(this.open.size).toBe(0);
        this.open.add(effect.id);
        return;
      case 'cancel':
        expect(this.open.delete(effect.id)).toBe(true);
        this.abandoned.push(effect.id);
        return;
      case 'show':
        expect(this.inMemory).toBe(this.state.digest);
        this.visible = this.inMemory;
        this.failure = undefined;
        return;
      case 'hide':
        this.visible = undefined;
        this.failure = effect.failure;
        return;
      case 'release':
        this.inMemory = undefined;
        return;
      case 'setTimer':
        expect(effect.delayMs).toBeGreaterThanOrEqual(0);
        expect(effect.delayMs).toBeLessThanOrEqual(LONGEST_TIMER_MS);
        this.timerAtMs = this.nowMs + effect.delayMs;
        return;
      case 'clearTimer':
        this.timerAtMs = undefined;
        return;
    }
  }

  /** Holds after every step. */
  check(): void {
    const { phase, digest, terms: given } = this.state;
    expect(this.visible).toBe(phase.name === 'warm' ? digest : undefined);
    expect(this.failure).toBe(phase.name === 'broken' ? phase.cause : undefined);
    expect([...this.open]).toStrictEqual(phase.name === 'loading' ? [phase.id] : []);
    // Nothing stays as it is for ever but what may: a cold one until it is asked for, and one that is loaded ahead.
    const rests = phase.name === 'cold' || (phase.name === 'warm' && given.load === 'Ahead');
    expect(this.timerAtMs === undefined).toBe(rests);
    if (given.load === 'Ahead') expect(phase.name).not.toBe('cold');
  }

  answer(ok: boolean): void {
    const [id] = this.open;
    if (id === undefined) return;
    this.open.delete(id);
    if (ok) this.inMemory = this.state.digest;
    this.tell(ok ? { type: 'loaded', id } : { type: 'failed', id, cause: 'no such file' });
  }

  wait(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (let looks = 0; this.timerAtMs !== undefined && this.timerAtMs <= untilMs; looks++) {
      expect(looks).toBeLessThan(10_000);
      this.nowMs = Math.max(this.nowMs, this.timerAtMs);
      this.timerAtMs = undefined;
      if (this.requests > 0) this.usedMs = this.nowMs;
      this.tell({ type: 'timer', lastUsedMs: this.usedMs, inUse: this.requests > 0 });
      if (this.nowMs === untilMs) break; // a grace of nothing, and a request under way
    }
    this.nowMs = untilMs;
  }

  obey(command: Command): void {
    switch (command.do) {
      case 'serve':
        this.tell(this.served(command));
        return;
      case 'want':
        if (this.visible === undefined) this.tell({ type: 'wanted' });
        return;
      case 'use':
        if (this.visible !== undefined) this.usedMs = this.nowMs;
        return;
      case 'begin':
        if (this.visible !== undefined) this.requests++;
        return;
      case 'end':
        if (this.requests > 0) this.usedMs = this.nowMs;
        this.requests = Math.max(0, this.requests - 1);
        return;
      case 'answer': {
        const stale = this.abandoned.at(-1);
        if (command.late && stale !== undefined) this.tell({ type: 'loaded', id: stale });
        else this.answer(command.ok);
        return;
      }
      case 'wait':
        this.wait(command.ms);
    }
  }
}

const worlds = fc.tuple(fc.record({ inMemory: fc.boolean(), terms }), fc.array(command, { maxLength: 60 }));

test('whatever comes in whatever order: one load at a time, the newest revision, and nothing gets stuck or goes too early', () => {
  fc.assert(
    fc.property(worlds, ([first, commands]) => {
      const world = new World(first);
      for (const next of commands) world.obey(next);
    }),
    { numRuns: 500 },
  );
});

test('from everywhere an instance that is asked for comes into memory once loading works', () => {
  fc.assert(
    fc.property(worlds, ([first, commands]) => {
      const world = new World(first);
      for (const next of commands) world.obey(next);
      if (world.visible === undefined) world.tell({ type: 'wanted' });
      if (world.state.phase.name === 'broken') world.wait(RETRY_MS.most);
      // Where the grace had run out by then, it is tried when it is asked for again.
      if (world.state.phase.name === 'cold') world.tell({ type: 'wanted' });
      world.answer(true);
      expect(world.visible).toBe(world.state.digest);
    }),
  );
});

test('from everywhere an instance that nobody asks for any more leaves memory', () => {
  fc.assert(
    fc.property(worlds, ([first, commands]) => {
      const world = new World(first);
      for (const next of commands) world.obey(next);
      const onFirstUse = { load: 'OnFirstUse', graceMs: 60_000 } as const;
      world.tell(world.served({ inMemory: true, terms: onFirstUse }));
      world.requests = 0;
      world.wait(2 * 60_000);
      expect([world.state.phase.name, world.inMemory]).toStrictEqual(['cold', undefined]);
    }),
  );
});

const USED: InstanceTerms = { load: 'OnFirstUse', graceMs: 60_000 };

test('the grace counts from the last request, not from the last revision', () => {
  const world = new World({ inMemory: true, terms: USED });
  world.wait(10_000);
  world.usedMs = world.nowMs;
  for (let revision = 0; revision < 5; revision++) {
    world.wait(11_000);
    world.tell(world.served({ inMemory: true, terms: USED }));
  }
  expect(world.state.phase.name).toBe('warm');
  world.wait(5_000); // 60 s after the request
  expect(world.state.phase.name).toBe('cold');
});

test('a load that fails is tried again by itself, more and more seldom, until nobody has asked for the grace', () => {
  const world = new World({ inMemory: false, terms: USED });
  world.tell({ type: 'wanted' });
  const waits: number[] = [];
  while (world.state.phase.name !== 'cold') {
    world.answer(false);
    const from = world.nowMs;
    const dueMs = world.timerAtMs ?? 0;
    waits.push(dueMs - from);
    world.wait(dueMs - from);
  }
  expect(waits).toStrictEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
});

test('an instance that is loaded ahead is tried again for ever', () => {
  const world = new World({ inMemory: false, terms: { load: 'Ahead', graceMs: 0 } });
  for (let tries = 0; tries < 50; tries++) {
    world.answer(false);
    expect(world.state.phase).toMatchObject({ name: 'broken', failures: tries + 1, cause: 'no such file' });
    world.wait(RETRY_MS.most);
  }
  world.answer(true);
  expect(world.visible).toBe('revision 1');
});

test('a load that takes too long is given up, and what it brings late is not shown', () => {
  const world = new World({ inMemory: false, terms: USED });
  world.tell({ type: 'wanted' });
  world.wait(LOAD_TIMEOUT_MS);
  expect(world.state.phase).toMatchObject({ name: 'broken', cause: `not loaded within ${LOAD_TIMEOUT_MS} ms` });
  world.tell({ type: 'loaded', id: 1 });
  expect(world.visible).toBeUndefined();
});

test.each([
  ['cold, and is in memory no more', false, 'cold'],
  ['warm: it is loaded at once', true, 'loading'],
])('a revision that is on disk only leaves an instance that was %s', (_name, inMemory, phase) => {
  const world = new World({ inMemory, terms: USED });
  world.tell(world.served({ inMemory: false, terms: USED }));
  expect(world.state.phase.name).toBe(phase);
});
