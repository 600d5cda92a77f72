import { describe, expect, test } from '@jest/globals';
import type { Value } from '@edict/rego';
import type { CheckAnswer } from './check-answer.ts';
import { MAX_METADATA_DEPTH, readRuleResult } from './rule-result.ts';

function answerTo(value: Value): CheckAnswer {
  const result = readRuleResult({ kind: 'value', value });
  if (!result.ok) throw new Error(result.message);
  return result.answer;
}

const NOTHING = { headers: [], headersToRemove: [], responseHeaders: [], queryToSet: [], queryToRemove: [] };

test.each<[string, Value, CheckAnswer]>([
  ['true', true, { allow: true, changes: undefined }],
  ['false', false, { allow: false, reply: undefined }],
  ['no more than allowed', { allowed: true }, { allow: true, changes: NOTHING }],
  ['no more than denied', { allowed: false }, { allow: false, reply: { status: 403, headers: [], body: '' } }],
  ['members that nobody knows', { allowed: true, reason: 'x', id: 1 }, { allow: true, changes: NOTHING }],
  [
    'headers as an object',
    { allowed: true, headers: { a: '1', b: ['2', '3'], c: [] } },
    {
      allow: true,
      changes: {
        ...NOTHING,
        headers: [
          ['a', '1'],
          ['b', '2'],
          ['b', '3'],
        ],
      },
    },
  ],
  [
    'headers as a list',
    { allowed: true, headers: [{ a: '1' }, { a: '2', b: '3' }] },
    {
      allow: true,
      changes: {
        ...NOTHING,
        headers: [
          ['a', '1'],
          ['a', '2'],
          ['b', '3'],
        ],
      },
    },
  ],
  [
    'all that can be changed',
    {
      allowed: true,
      http_status: 999,
      body: 7,
      request_headers_to_remove: ['x'],
      response_headers_to_add: { y: 'z' },
      query_parameters_to_set: { q: ['1', '2'] },
      query_parameters_to_remove: ['r'],
    },
    {
      allow: true,
      changes: {
        headers: [],
        headersToRemove: ['x'],
        responseHeaders: [['y', 'z']],
        queryToSet: [
          ['q', '1'],
          ['q', '2'],
        ],
        queryToRemove: ['r'],
      },
    },
  ],
  [
    'all that the client gets',
    { allowed: false, http_status: 301, headers: { location: '/' }, body: 'moved', request_headers_to_remove: 7 },
    { allow: false, reply: { status: 301, headers: [['location', '/']], body: 'moved' } },
  ],
])('%s is read', (_, value, expected) => {
  expect(answerTo(value)).toStrictEqual(expected);
});

test.each<[string, Value]>([
  ['a number', 7],
  ['a text', 'yes'],
  ['null', null],
  ['a list', [true]],
  ['no allowed', { headers: {} }],
  ['allowed that is no boolean', { allowed: 'true' }],
  ['allowed of a prototype', Object.create({ allowed: true })],
  ['headers that are a text', { allowed: true, headers: 'x' }],
  ['headers in a list that are a text', { allowed: true, headers: ['x'] }],
  ['a header that is a number', { allowed: true, headers: { a: 1 } }],
  ['a header that is a list of numbers', { allowed: true, headers: { a: [1] } }],
  ['a header that would end itself', { allowed: true, headers: { a: 'b\r\nc: d' } }],
  ['a header with a NUL', { allowed: true, response_headers_to_add: { a: '\0' } }],
  ['a header whose name is none', { allowed: true, headers: { 'a b': '1' } }],
  ['a header without a name', { allowed: false, headers: { '': '1' } }],
  ['names of headers that are no list', { allowed: true, request_headers_to_remove: 'x' }],
  ['names of headers that are none', { allowed: true, request_headers_to_remove: ['x\n'] }],
  ['names of parameters that are no texts', { allowed: true, query_parameters_to_remove: [1] }],
  ['parameters that are no object', { allowed: true, query_parameters_to_set: [] }],
  ['a parameter that is a boolean', { allowed: true, query_parameters_to_set: { a: true } }],
  ['metadata that is no object', { allowed: true, dynamic_metadata: 1 }],
  ['a status that there is none of', { allowed: false, http_status: 999 }],
  ['a status that is a text', { allowed: false, http_status: '403' }],
  ['a status with a fraction', { allowed: false, http_status: 403.5 }],
  ['a status that is null', { allowed: false, http_status: null }],
  ['a body that is no text', { allowed: false, body: {} }],
])('%s cannot be read', (_, value) => {
  expect(readRuleResult({ kind: 'value', value })).toMatchObject({ ok: false, problem: 'unreadable-result' });
});

describe('a rule without a value', () => {
  test('is undefined', () => {
    expect(readRuleResult({ kind: 'undefined' })).toMatchObject({ ok: false, problem: 'undefined-result' });
  });

  test('or has failed', () => {
    const outcome = readRuleResult({ kind: 'error', code: 'eval_conflict_error', message: 'two values' });
    expect(outcome).toMatchObject({ ok: false, problem: 'evaluation-failed' });
  });
});

describe('metadata', () => {
  const nested = (levels: number): object => (levels === 1 ? {} : { a: nested(levels - 1) });

  test('goes along', () => {
    const result = readRuleResult({ kind: 'value', value: { allowed: false, dynamic_metadata: { k: { v: 1 } } } });
    expect(result).toMatchObject({ ok: true, metadata: { k: { v: 1 } } });
  });

  test('nests no deeper than Envoy reads', () => {
    const result = (levels: number) =>
      readRuleResult({ kind: 'value', value: { allowed: true, dynamic_metadata: nested(levels) } }).ok;
    expect([result(MAX_METADATA_DEPTH), result(MAX_METADATA_DEPTH + 1)]).toStrictEqual([true, false]);
  });
});
