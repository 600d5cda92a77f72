import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Digest } from '../identifiers.ts';
import type { OperatorMessage } from '../messages.ts';
import { aDigest, aRevision } from '../testing/builders.ts';
import { anOffer, PdpDriver, SET } from '../testing/pdp-driver.ts';
import type { PdpEffect } from './events.ts';

/** Active, canary, last known good, and two on their way: staged, in preparation, or being activated. */
const COMPILED_MAX = 5;

function part(n: number, upTo: number): OperatorMessage {
  const share = { salt: 'uid-1/1', upTo };
  return { type: 'Commit', set: SET, revision: aRevision(n), ticket: 't', deadlineMs: 60_000, spreadMs: 0, share };
}

/** Does what a process does with `compile`, `cancel` and `retain`: what is compiled stays until it is told otherwise. */
class Memory {
  readonly driver = new PdpDriver().online();
  readonly compiled = new Set<Digest>();
  #seen = 0;

  /** Answers the newest open effect of `type`; false if there is none. */
  answer(type: PdpEffect['type']): boolean {
    return this.#answer((effect) => effect.type === type);
  }

  /** Answers one of the open effects, counted from the newest; false if there is none. */
  answerAny(index: number): boolean {
    const open = this.#open(() => true);
    const chosen = open[open.length - 1 - (index % Math.max(1, open.length))];
    return chosen !== undefined && this.#answer((effect) => effect === chosen);
  }

  receive(message: OperatorMessage): void {
    this.driver.receive(message);
    this.#obey();
  }

  /** Answers whatever is open until nothing is, or an effect of type `stopBefore` is the newest. */
  settle(stopBefore?: PdpEffect['type']): void {
    for (;;) {
      const [newest] = this.#open(() => true).slice(-1);
      if (newest === undefined || newest.type === stopBefore) return;
      this.answerAny(0);
    }
  }

  /** What is held for nothing that the machine has. */
  unneeded(): readonly Digest[] {
    const { active, canary, staged, lkg, activation, job } = this.driver.set;
    const preparing = job?.kind === 'Prepare' ? job : undefined;
    const needed = [active, canary, staged, lkg, activation?.slot, preparing].map((slot) => slot?.revision.digest);
    return [...this.compiled].filter((digest) => !needed.includes(digest));
  }

  #done = new Set<PdpEffect>();

  #open(wanted: (effect: PdpEffect) => boolean): readonly PdpEffect[] {
    return this.driver.effects.filter(
      (effect) => !this.#done.has(effect) && this.driver.answer(effect) !== undefined && wanted(effect),
    );
  }

  #answer(wanted: (effect: PdpEffect) => boolean): boolean {
    const [effect] = this.#open(wanted).slice(-1);
    const event = effect === undefined ? undefined : this.driver.answer(effect);
    if (effect === undefined || event === undefined) return false;
    this.#done.add(effect);
    if (effect.type === 'compile') this.compiled.add(effect.revision.digest);
    this.driver.step(event);
    this.#obey();
    return true;
  }

  fail(): void {
    const { activation, job } = this.driver.set;
    const id = activation?.step === 'Swapping' ? activation.id : job?.id;
    if (id === undefined) return;
    this.#end(id);
    const detail = { message: 'because' };
    this.driver.step({ type: 'failed', set: SET, id, phase: 'Fetch', code: 'Flaky', deterministic: false, detail });
    this.#obey();
  }

  tell(key: string): void {
    this.driver.step({ type: 'timer', key: `${key}/${SET}` });
    this.#obey();
  }

  /** Nothing of this work comes any more, but disk writes run to their end. */
  #end(id: number): void {
    for (const effect of this.driver.effects) {
      const isWrite = effect.type === 'persistStaged' || effect.type === 'persistActive';
      if (!isWrite && 'id' in effect && effect.id === id) this.#done.add(effect);
    }
  }

  #obey(): void {
    const { effects } = this.driver;
    for (; this.#seen < effects.length; this.#seen += 1) {
      const effect = effects[this.#seen];
      if (effect?.type === 'cancel') this.#end(effect.id);
      if (effect?.type !== 'retain') continue;
      for (const digest of this.compiled) if (!effect.compiled.includes(digest)) this.compiled.delete(digest);
    }
  }
}

function serving(...revisions: readonly number[]): Memory {
  const memory = new Memory();
  for (const n of revisions) {
    memory.receive(anOffer('Commit', aRevision(n)));
    memory.settle();
  }
  return memory;
}

describe('a compiled content is forgotten', () => {
  test('once its preparation is replaced while its record is written, though the one staged before stays', () => {
    const memory = serving(1, 2);
    memory.receive(anOffer('Prepare', aRevision(3)));
    memory.settle();
    memory.receive(anOffer('Prepare', aRevision(4)));
    memory.settle('persistStaged');
    expect([...memory.compiled]).toEqual([1, 2, 3, 4].map(aDigest));
    memory.receive(anOffer('Prepare', aRevision(5)));
    memory.receive({ type: 'Abort', set: SET, revision: aRevision(4), reason: 'Superseded' });
    expect([...memory.compiled]).toEqual([1, 2, 3].map(aDigest));
    memory.settle();
    expect([...memory.compiled]).toEqual([1, 2, 5].map(aDigest));
  });

  test('once a newer revision is on its way to be active, before that one swaps', () => {
    const memory = serving(1, 2);
    memory.receive(anOffer('Prepare', aRevision(3)));
    memory.settle();
    memory.receive(anOffer('Commit', aRevision(4)));
    memory.settle('persistActive');
    expect([...memory.compiled]).toEqual([1, 2, 4].map(aDigest));
  });

  test('once another is staged in its place and goes straight on to be active', () => {
    const memory = serving(1, 2);
    memory.receive(anOffer('Prepare', aRevision(3)));
    memory.settle();
    memory.receive(anOffer('Prepare', aRevision(4)));
    memory.settle('persistStaged');
    memory.receive(anOffer('Commit', aRevision(4)));
    expect(memory.answer('persistStaged')).toBe(true);
    expect(memory.driver.set.activation?.slot.revision.n).toBe(4);
    expect([...memory.compiled]).toEqual([1, 2, 4].map(aDigest));
  });

  test('once its swap failed', () => {
    const memory = serving(1, 2);
    memory.receive(anOffer('Commit', aRevision(3)));
    memory.settle('swap');
    memory.fail();
    expect([...memory.compiled]).toEqual([1, 2].map(aDigest));
  });

  test('once another is staged in its place while the share of a canary rises', () => {
    const memory = serving(1, 2);
    memory.receive(part(3, 100));
    memory.settle();
    memory.receive(anOffer('Prepare', aRevision(4)));
    memory.settle();
    memory.receive(anOffer('Prepare', aRevision(5)));
    memory.settle('runTests');
    memory.receive(part(3, 200));
    memory.receive(anOffer('Commit', aRevision(5)));
    for (const step of ['runTests', 'persistStaged'] as const) expect(memory.answer(step)).toBe(true);
    expect(memory.driver.set).toMatchObject({
      activation: { slot: { revision: { n: 3 } } },
      staged: { revision: { n: 5 } },
    });
    expect([...memory.compiled]).toEqual([1, 2, 3, 5].map(aDigest));
  });
});

test('nothing is prepared on top of what is staged while an activation is under way: the operator says it again', () => {
  const memory = serving(1, 2);
  memory.receive(anOffer('Commit', aRevision(3)));
  memory.settle('persistActive');
  memory.receive(anOffer('Prepare', aRevision(4)));
  for (const step of ['fetchManifest', 'fetchBundles', 'compile', 'runTests', 'persistStaged'] as const) {
    expect(memory.answer(step)).toBe(true);
  }
  for (const type of ['Prepare', 'Commit'] as const) memory.receive(anOffer(type, aRevision(5)));
  expect(memory.driver.set.job).toBeUndefined();
  memory.settle();
  expect(memory.driver.set).toMatchObject({ active: { revision: { n: 3 } }, staged: { revision: { n: 4 } } });
  memory.receive(anOffer('Commit', aRevision(5)));
  memory.settle();
  expect(memory.driver.set.active?.revision.n).toBe(5);
});

test('whatever comes in whatever order, only what a slot or a preparation needs is held, and no more than there are slots', () => {
  const near = fc.integer({ min: -2, max: 1 });
  const event = fc.oneof(
    fc.record({ type: fc.constantFrom('Prepare', 'Commit', 'Abort', 'part'), n: near }),
    { weight: 2, arbitrary: fc.record({ type: fc.constant('work'), n: fc.integer({ min: 1, max: 6 }) }) },
    fc.record({ type: fc.constantFrom('answer', 'fail', 'deadline'), n: fc.nat({ max: 3 }) }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const memory = serving(1, 2);
      memory.receive(part(3, 100));
      memory.settle();
      let newest = 3;
      for (const { type, n } of events) {
        const revision = aRevision(Math.max(1, newest + n));
        if (type === 'Prepare' || type === 'Commit' || type === 'part') newest = Math.max(newest, revision.n);
        if (type === 'Prepare' || type === 'Commit') memory.receive(anOffer(type, revision));
        else if (type === 'part') memory.receive(part(revision.n, 100 * revision.n));
        else if (type === 'Abort') memory.receive({ type, set: SET, revision, reason: 'User' });
        else if (type === 'fail') memory.fail();
        else if (type === 'deadline') memory.tell('deadline');
        else if (type === 'answer') memory.answerAny(n);
        else for (let times = 0; times < n; times += 1) memory.answerAny(0);
        expect(memory.unneeded()).toEqual([]);
        expect(memory.compiled.size).toBeLessThanOrEqual(COMPILED_MAX);
      }
    }),
    { numRuns: 500 },
  );
});
