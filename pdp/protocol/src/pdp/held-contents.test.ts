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
    const detail = { message: 'because' };
    this.driver.step({ type: 'failed', set: SET, id, phase: 'Fetch', code: 'Flaky', deterministic: false, detail });
    this.#obey();
  }

  tell(key: string): void {
    this.driver.step({ type: 'timer', key: `${key}/${SET}` });
    this.#obey();
  }

  #obey(): void {
    const { effects } = this.driver;
    for (; this.#seen < effects.length; this.#seen += 1) {
      const effect = effects[this.#seen];
      if (effect?.type === 'cancel') {
        for (const other of effects) {
          // Disk writes run to their end.
          const isWork = other.type !== 'persistStaged' && other.type !== 'persistActive';
          if (isWork && 'id' in other && other.id === effect.id) this.#done.add(other);
        }
      }
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

test('whatever comes in whatever order, no more contents are held than there are slots', () => {
  const n = fc.integer({ min: 3, max: 30 });
  const event = fc.oneof(
    fc.record({ type: fc.constantFrom('Prepare' as const, 'Commit' as const, 'Abort' as const, 'part' as const), n }),
    fc.record({ type: fc.constantFrom('answer' as const, 'oldest' as const), n: fc.nat({ max: 3 }) }),
    { weight: 8, arbitrary: fc.record({ type: fc.constant('answer' as const), n: fc.constant(0) }) },
    fc.record({ type: fc.constantFrom('fail' as const, 'deadline' as const), n: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 120 }), (events) => {
      const memory = serving(1, 2);
      for (const { type, n: index } of events) {
        if (type === 'Prepare' || type === 'Commit') memory.receive(anOffer(type, aRevision(index)));
        else if (type === 'part') memory.receive(part(index, 100 * index));
        else if (type === 'Abort') memory.receive({ type, set: SET, revision: aRevision(index), reason: 'User' });
        else if (type === 'fail') memory.fail();
        else if (type === 'deadline') memory.tell('deadline');
        else memory.answerAny(type === 'answer' ? index : 1_000 - index);
        expect(memory.compiled.size).toBeLessThanOrEqual(COMPILED_MAX);
      }
    }),
    { numRuns: 400 },
  );
});
