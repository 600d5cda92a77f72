import { expect, test } from '@jest/globals';
import type { SessionRevision } from '../core/session.ts';
import { fieldsOf } from '../testing/check-messages.ts';
import type { CheckAnswer } from './check-answer.ts';
import { encodeCheckResponse } from './encode-check-response.ts';

const ALLOW: CheckAnswer = { allow: true, changes: undefined };
const DENY: CheckAnswer = { allow: false, reply: undefined };
const IDS = ['9f1c5c0e-7d0b-4c53-8f6e-2b1d8a4c7e10', '00000000-0000-4000-8000-000000000000'];

function revision(n: number): SessionRevision {
  return { set: 'shop/front', n, digest: 'sha256:abc', token: '' };
}

function encoded(answer: CheckAnswer, decisionId: string | undefined, of = revision(3)): Buffer {
  return encodeCheckResponse(answer, { given: undefined, decisionId, revision: of, problem: undefined });
}

/** The same by way of the fields that most responses do not have. */
function inFull(answer: CheckAnswer, decisionId: string, of: SessionRevision): Buffer {
  return encodeCheckResponse(answer, { given: {}, decisionId, revision: of, problem: undefined });
}

/** Without the bytes that are left for the frame. */
function bodyOf(response: Buffer): string {
  return response.subarray(5).toString('latin1');
}

test.each([ALLOW, DENY])('a response that differs in nothing but the id is that with its id: %j', (answer) => {
  for (const n of [3, 4]) {
    const of = revision(n);
    for (const id of IDS) expect(bodyOf(encoded(answer, id, of))).toBe(bodyOf(inFull(answer, id, of)));
  }
});

test('a response that was given is not changed by the next', () => {
  const of = revision(3);
  const [first = '', second = ''] = IDS;
  const before = encoded(ALLOW, first, of);
  const text = bodyOf(before);
  encoded(ALLOW, second, of);
  expect(bodyOf(before)).toBe(text);
});

test.each(['short', 'é'.repeat(36), `${'a'.repeat(35)}Ω`, ''])('an id of another kind is written too: %j', (id) => {
  const of = revision(3);
  const response = encoded(DENY, id, of);
  expect(bodyOf(response)).toBe(bodyOf(inFull(DENY, id, of)));
  expect(response.includes(id)).toBe(true);
});

test('without a decision there is no id', () => {
  expect(encoded(DENY, undefined).includes('decision_id')).toBe(false);
  expect([...fieldsOf(encoded(DENY, undefined).subarray(5)).keys()]).toStrictEqual([1, 4]);
});
