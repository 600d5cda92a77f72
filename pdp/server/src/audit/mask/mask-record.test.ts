import { expect, test } from '@jest/globals';
import { decide, renderAccessRecord, systemClock } from '@edict/engine';
import fc from 'fast-check';
import { aDecision, CONTEXT } from '../../testing/decisions.ts';
import { craneSnapshot } from '../../testing/snapshots.ts';
import { renderDecisionEvent } from '../render-decision-event.ts';
import type { MaskSettings } from '../settings/audit-settings.ts';
import { maskRecord, withoutContent } from './mask-record.ts';
import { keyedHash, maskRule, policyMaskRules } from './mask-rules.ts';
import { parseMaskPath } from './mask-path.ts';

const KEY = Buffer.from('0123456789abcdef');
const rules = (...masks: (Partial<MaskSettings> & { readonly path: string })[]) =>
  masks.map((mask) => maskRule({ action: 'Remove', ...mask }, KEY));
const EVENT = { input: 'input', access: undefined } as const;
const ACCESS = { input: 'porc', access: 'top' } as const;

function parsed(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) throw new Error('nothing');
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

const event = (input: unknown, result: unknown = true): string =>
  renderDecisionEvent(aDecision({ input, outcome: { kind: 'value', value: result } }), CONTEXT);

test.each<[string, Partial<MaskSettings> & { readonly path: string }, unknown, unknown]>([
  ['a member', { path: '/input/a' }, { a: 1, b: 2 }, { b: 2 }],
  ['a member further down', { path: '/input/a/b' }, { a: { b: 1, c: 2 } }, { a: { c: 2 } }],
  ['an element', { path: '/input/a/1' }, { a: [1, 2, 3] }, { a: [1, 3] }],
  ['every element', { path: '/input/a/*' }, { a: [1, 2, 3] }, { a: [] }],
  ['a member of every element', { path: '/input/*/s' }, { a: { s: 1 }, b: { s: 2, t: 3 } }, { a: {}, b: { t: 3 } }],
  ['a member with a slash', { path: '/input/a~1b' }, { 'a/b': 1 }, {}],
  ['a member called __proto__', { path: '/input/__proto__' }, JSON.parse('{"__proto__":1,"a":2}'), { a: 2 }],
  ['a replaced member', { path: '/input/a', action: 'Replace', value: { x: 1 } }, { a: 5 }, { a: { x: 1 } }],
  ['a hashed text', { path: '/input/a', action: 'Hash' }, { a: 'ada' }, { a: keyedHash('ada', KEY) }],
  ['anything hashed', { path: '/input/a', action: 'Hash' }, { a: [1] }, { a: keyedHash('[1]', KEY) }],
])('%s is masked, and the record says so', (_name, mask, input, after) => {
  const masked = parsed(maskRecord(event(input), EVENT, rules(mask)));
  expect(masked['input']).toStrictEqual(after);
  const isErased = mask.action === undefined;
  expect([masked['erased'], masked['masked']]).toStrictEqual(
    isErased ? [[mask.path], undefined] : [undefined, [mask.path]],
  );
});

test('a hash is an HMAC-SHA-256', () => {
  // echo -n ada | openssl dgst -sha256 -hmac 0123456789abcdef
  expect(keyedHash('ada', KEY)).toBe('hmac-sha256:83eeb38e004a295359bde4b0760bb271a6e9e614701bce5053849938a657c6ec');
});

test.each(['/input/x', '/input/a/x', '/input/a/0', '/input/l/01', '/input/l/9', '/input/l/-1', '/result/x'])(
  'where there is nothing at %s the record stays as it is',
  (path) => {
    const text = event({ a: 1, l: [1] });
    expect(maskRecord(text, EVENT, rules({ path, action: 'Replace', value: null }))).toBe(text);
  },
);

test('whole parts go: input, result and who asked', () => {
  const masked = parsed(
    maskRecord(event({ a: 1 }), EVENT, rules({ path: '/input' }, { path: '/result' }, { path: '/requested_by' })),
  );
  for (const gone of ['input', 'result', 'requested_by']) expect(masked).not.toHaveProperty(gone);
  expect(masked['erased']).toStrictEqual(['/input', '/result', '/requested_by']);
});

test('what is not masked keeps every digit', () => {
  const text = event({ a: 1 }).replace('"a":1', '"a":1,"n":12345678901234567890.50,"z":-0');
  expect(maskRecord(text, EVENT, rules({ path: '/input/a' }))).toContain('"n":12345678901234567890.50,"z":-0');
});

/** An access record of the PORC of a crane's load, with a secret in all places that it comes from. */
function accessRecord(): string {
  const porc = {
    principal: { sub: 'secret-sub', mrealm: 'secret-realm', mroles: ['mrn:role:none'], mail: 'secret-mail' },
    operation: 'secret:operation',
    resource: { id: 'mrn:secret-resource', owner: 'secret-owner', group: '' },
  };
  const { record } = decide(craneSnapshot(5), porc, { clock: systemClock, newId: () => 'id' });
  if (record === undefined) throw new Error('no record');
  return renderAccessRecord(record);
}

test('what an access record repeats of the PORC goes with it', () => {
  const text = accessRecord();
  expect(text.match(/secret/g)?.length).toBeGreaterThan(8);
  const paths = ['/input/principal/sub', '/input/principal/mrealm', '/input/principal/mail', '/input/operation'];
  const masked = maskRecord(text, ACCESS, rules(...[...paths, '/input/resource'].map((path) => ({ path }))));
  expect(masked).not.toContain('secret');
  expect(parsed(masked)).toMatchObject({ decision: 'DENY', metadata: { id: 'id' } });
  const hashed = maskRecord(text, ACCESS, rules({ path: '/input/principal/sub', action: 'Hash' }));
  const hash = keyedHash('secret-sub', KEY);
  expect(parsed(hashed)).toMatchObject({ principal: { subject: hash }, porc: { principal: { sub: hash } } });
  expect(hashed).not.toContain('secret-sub');
});

test('reasons of verdicts can be masked', () => {
  const text = accessRecord();
  expect(text).toContain('"reason":"');
  const masked = maskRecord(text, ACCESS, rules({ path: '/reasons/*' }));
  expect(masked).not.toContain('"reason":"');
  expect(parsed(masked)['erased']).toStrictEqual(['/reasons/*']);
});

test('a record without its content has nothing of what was asked', () => {
  const bare = withoutContent(accessRecord(), ACCESS);
  expect(bare).not.toContain('secret');
  expect(parsed(bare)).toMatchObject({ decision: 'DENY', metadata: { id: 'id' } });
});

test('no value below a removed path is left anywhere', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const masked = parsed(maskRecord(event({ keep: 1, hide: value }), EVENT, rules({ path: '/input/hide' })));
      expect(masked['input']).toStrictEqual({ keep: 1 });
    }),
  );
});

test.each([
  ['input', 'must begin with a slash'],
  ['/labels/a', 'must be below /input, /result, /requested_by, /reasons'],
  ['/input//a', 'has an empty part'],
  ['/input/a~2', 'or a ~ without 0 or 1'],
])('the path %s is refused: %s', (path, message) => {
  expect(parseMaskPath(path)).toMatchObject({ ok: false, message: expect.stringContaining(message) });
});

test('the rules of a policy are read as OPA reads them', () => {
  const given = ['/input/a', { op: 'remove', path: '/input/b' }, { op: 'upsert', path: '/input/c/d', value: 7 }];
  const asked = policyMaskRules(given);
  if (asked === undefined) throw new Error('not read');
  expect(parsed(maskRecord(event({ a: 1, b: 2 }), EVENT, asked))).toMatchObject({
    input: { c: { d: 7 } },
    erased: ['/input/a', '/input/b'],
    masked: ['/input/c/d'],
  });
});

test.each([[[7]], [['input/a']], [['/labels']], [[{ op: 'move', path: '/input/a' }]], [[{ op: 'remove' }]]])(
  'rules of a policy that are none are refused: %j',
  (given) => {
    expect(policyMaskRules(given)).toBeUndefined();
  },
);
