import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  planKeys,
  REVOCATION_WAIT_MS,
  takeKeyStep,
  trustedKeysOf,
  waitsOf,
  type KeySettings,
  type KeyState,
  type KeyView,
} from './key-plan.ts';

const NOW = 1_700_000_000_000;
const SETTINGS: KeySettings = { overlapMs: 600_000 };
const key = (name: string, sinceMs = NOW) => ({
  keyId: name,
  privateKey: `private ${name}`,
  publicKey: `public ${name}`,
  sinceMs,
});
const STEADY: KeyState = { current: key('one', NOW - 1_000_000), retiring: [], further: [] };
const ANNOUNCED: KeyState = { ...STEADY, next: key('two', NOW - 600_000) };
const RETIRING: KeyState = {
  current: key('two', NOW - 600_000),
  retiring: [{ keyId: 'one', publicKey: 'public one', sinceMs: NOW - 600_000 }],
  further: [],
};

/** Everything is known, and nothing stands in the way. */
function aView(over: Partial<KeyView> = {}): KeyView {
  const none = { lacking: [], silent: [], holders: new Map<string, readonly string[]>() };
  return { nowMs: NOW, revoked: new Set(), isPublished: true, isSettled: true, ...none, ...over };
}

describe('the next step', () => {
  test.each<readonly [string, KeyState, Partial<KeyView>, Partial<KeySettings>, unknown]>([
    ['nobody asks for anything', STEADY, {}, {}, undefined],
    ['somebody asks for a rotation', STEADY, { request: 'a' }, {}, { type: 'announce' }],
    ['the wish was answered before', { ...STEADY, handled: 'a' }, { request: 'a' }, {}, undefined],
    ['another wish comes', { ...STEADY, handled: 'a' }, { request: 'b' }, {}, { type: 'announce' }],
    ['a wish comes while a rotation is under way', ANNOUNCED, { request: 'a' }, {}, { type: 'note-request' }],
    ['the key is as old as it may be', STEADY, {}, { rotateAfterMs: 1_000_000 }, { type: 'announce' }],
    ['the key is younger than it may be', STEADY, {}, { rotateAfterMs: 1_000_001 }, undefined],
    ['every PDP trusts the next key', ANNOUNCED, {}, {}, { type: 'promote' }],
    ['the overlap is not over', ANNOUNCED, {}, { overlapMs: 600_001 }, undefined],
    ['a PDP does not trust the next key', ANNOUNCED, { lacking: ['shop/a'] }, {}, undefined],
    ['the keys are not published everywhere', ANNOUNCED, { isPublished: false }, {}, undefined],
    ['PDPs are coming back', ANNOUNCED, { isSettled: false }, {}, undefined],
    ['a PDP that does not tell is given the overlap', ANNOUNCED, { silent: ['shop/a'] }, {}, { type: 'promote' }],
    ['nothing rests on the old key', RETIRING, {}, {}, { type: 'forget', keyId: 'one' }],
    ['a set rests on the old key', RETIRING, { holders: new Map([['one', ['set shop/main']]]) }, {}, undefined],
    [
      'what rests on the new key is as it should be',
      RETIRING,
      { holders: new Map([['two', ['set shop/main']]]) },
      {},
      { type: 'forget', keyId: 'one' },
    ],
    ['the old key has signed a moment ago', RETIRING, {}, { overlapMs: 600_001 }, undefined],
    ['a new leader does not know yet what rests on it', RETIRING, { isSettled: false }, {}, undefined],
  ])('when %s', (_name, state, view, settings, action) => {
    expect(planKeys(state, aView(view), { ...SETTINGS, ...settings })).toEqual(action);
  });
});

describe('a key is revoked', () => {
  const revoked = new Set(['one']);

  test.each<readonly [string, KeyState, Partial<KeyView>, unknown]>([
    ['and signs: another is announced', STEADY, {}, { type: 'announce' }],
    [
      'and signs: the next takes over at once where every PDP trusts it',
      { ...STEADY, next: key('two') },
      {},
      { type: 'promote' },
    ],
    [
      'and signs: what PDPs could not verify is not signed',
      { ...STEADY, next: key('two') },
      { lacking: ['shop/a'] },
      undefined,
    ],
    [
      'and signs: those that do not tell are given a while',
      { ...STEADY, next: key('two') },
      { silent: ['shop/a'] },
      undefined,
    ],
    [
      'and signs: the while is over',
      { ...STEADY, next: key('two', NOW - REVOCATION_WAIT_MS) },
      { silent: ['shop/a'] },
      { type: 'promote' },
    ],
    [
      'and signs: one PDP that never learns holds nobody up for good',
      { ...STEADY, next: key('two', NOW - 2 * REVOCATION_WAIT_MS) },
      { lacking: ['shop/a'] },
      { type: 'promote' },
    ],
    [
      'and signs no more: it is forgotten though much rests on it',
      RETIRING,
      { holders: new Map([['one', ['set shop/main']]]) },
      { type: 'forget', keyId: 'one' },
    ],
  ])('%s', (_name, state, view, action) => {
    expect(planKeys(state, aView({ revoked, ...view }), SETTINGS)).toEqual(action);
  });

  test('it is trusted by nobody from the moment that it is known', () => {
    const state: KeyState = { ...STEADY, next: key('two'), further: ['public by hand'] };
    expect(trustedKeysOf(state, revoked)).toEqual(['public two', 'public by hand']);
  });

  test('before it signs: it never will', () => {
    const state: KeyState = { ...STEADY, next: key('two') };
    const action = planKeys(state, aView({ revoked: new Set(['two']) }), SETTINGS);
    expect(action).toEqual({ type: 'forget', keyId: 'two' });
    expect(takeKeyStep(state, { type: 'forget', keyId: 'two' }, aView(), () => key('x'))).toEqual(STEADY);
  });

  test('and it is not kept for what it signed once another signs', () => {
    const state: KeyState = { ...STEADY, next: key('two') };
    const after = takeKeyStep(state, { type: 'promote' }, aView({ revoked }), () => key('x'));
    expect(after).toEqual({ current: key('two'), retiring: [], further: [] });
  });
});

test('what a rotation waits for is said in words', () => {
  const view = aView({ nowMs: NOW - 60_000, isPublished: false, lacking: ['shop/a'] });
  expect(waitsOf(ANNOUNCED, view, SETTINGS)).toEqual([
    '60 s before key two signs',
    'the ConfigMaps with the keys are not written everywhere yet',
    'PDP shop/a does not trust key two yet',
  ]);
  const held = aView({ holders: new Map([['one', ['set shop/main']]]) });
  expect(waitsOf(RETIRING, held, SETTINGS)).toEqual(['set shop/main rests on key one']);
  expect(waitsOf(STEADY, aView(), SETTINGS)).toEqual([]);
});

test('no key signs that a telling PDP does not trust, none goes that something rests on, and every rotation ends', () => {
  const world = fc.array(
    fc.record({
      passes: fc.integer({ min: 0, max: 900_000 }),
      wish: fc.boolean(),
      learns: fc.boolean(),
      resigns: fc.boolean(),
      settled: fc.boolean(),
      published: fc.boolean(),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(world, (turns) => {
      let state = STEADY;
      let made = 0;
      let wishes = 0;
      let nowMs = NOW;
      let pdpTrusts = new Set(['one']);
      let servedBy = 'one';
      const turn = (over: { readonly settled: boolean; readonly published: boolean }): void => {
        const { next } = state;
        const view = aView({
          nowMs,
          ...(wishes === 0 ? {} : { request: `wish ${wishes}` }),
          isSettled: over.settled,
          isPublished: over.published,
          lacking: next !== undefined && !pdpTrusts.has(next.keyId) ? ['shop/a'] : [],
          holders: new Map([[servedBy, ['PDP shop/a']]]),
        });
        const action = planKeys(state, view, SETTINGS);
        if (action === undefined) return;
        const before = state;
        state = takeKeyStep(state, action, view, () => key(`key-${++made}`, nowMs));
        if (action.type === 'promote') expect(pdpTrusts.has(state.current.keyId)).toBe(true);
        if (action.type === 'forget') expect(action.keyId).not.toBe(servedBy);
        expect(before).not.toEqual(state);
        // What serves stays verifiable by what is published.
        expect(trustedKeysOf(state, new Set())).toContain(`public ${servedBy}`);
      };
      const learn = (): void => {
        pdpTrusts = new Set(trustedKeysOf(state, new Set()).map((pem) => pem.replace('public ', '')));
      };
      for (const { passes, wish, learns, resigns, settled, published } of turns) {
        nowMs += passes;
        if (wish) wishes += 1;
        turn({ settled, published });
        if (learns) learn();
        if (resigns) servedBy = state.current.keyId;
      }
      // Left alone, it ends with one key that signs and is trusted.
      for (let calm = 0; calm < 8; calm += 1) {
        nowMs += SETTINGS.overlapMs;
        turn({ settled: true, published: true });
        learn();
        servedBy = state.current.keyId;
      }
      expect(state.next).toBeUndefined();
      expect(state.retiring).toEqual([]);
    }),
  );
});
