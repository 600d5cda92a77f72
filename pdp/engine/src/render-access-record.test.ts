import { expect, test } from '@jest/globals';
import { RegoNumber } from '@edict/rego/values';
import fc from 'fast-check';
import { recordTimestamp, renderAccessRecord } from './render-access-record.ts';
import type { AccessRecord } from './access-record.ts';

const nothing: AccessRecord = {
  id: '',
  timestampMs: Date.UTC(2026, 2, 4, 5, 6, 7, 89),
  subject: '',
  realm: '',
  operation: '',
  resource: '',
  decision: 'DENY',
  references: [],
  porc: undefined,
  systemOverride: false,
  grantReason: undefined,
  denyReason: undefined,
  durationNs: 0,
  phaseDurations: { system: undefined, identity: undefined, resource: undefined, scope: undefined },
  env: undefined,
  revision: undefined,
};

test('fields with default values are left out', () => {
  expect(renderAccessRecord(nothing)).toBe(
    '{"decision":"DENY","duration":{"overall":"0"},"metadata":{"timestamp":"2026-03-04T05:06:07.089Z"},"principal":{}}',
  );
});

test('everything is rendered in the order of its keys', () => {
  const record: AccessRecord = {
    ...nothing,
    id: 'r-1',
    subject: 'ada',
    realm: 'acme',
    operation: 'read <b>',
    resource: 'mrn:1',
    decision: 'GRANT',
    references: [
      {
        phase: 'SYSTEM',
        id: 'read <b>',
        policy: { mrn: 'p&q', fingerprint: 'AAA=' },
        decision: 'GRANT',
        reasonCode: 'POLICY_OUTCOME',
        reason: '',
        durationNs: 1234.6,
      },
      {
        phase: 'SCOPE',
        id: '',
        policy: undefined,
        decision: 'DENY',
        reasonCode: 'NOTFOUND_ERROR',
        reason: 'scope not found',
        durationNs: 0,
      },
    ],
    porc: { resource: {}, context: { b: new RegoNumber('1e21'), a: '<&>' } },
    systemOverride: true,
    grantReason: 'PUBLIC',
    durationNs: 5_000_000,
    phaseDurations: { system: 1, identity: 0, resource: undefined, scope: 2 },
    env: { zone: 'b', host: 'a' },
    revision: { set: 'core', revision: 12, digest: 'sha256:ab' },
  };
  const line = renderAccessRecord(record);
  expect(line).toBe(
    '{"decision":"GRANT","duration":{"overall":"5000000","phases":{"1":"1","2":"0","4":"2"}},"grantReason":"PUBLIC",' +
      '"metadata":{"env":{"host":"a","zone":"b"},"id":"r-1","policyDigest":"sha256:ab","policyRevision":"12",' +
      '"policySet":"core","timestamp":"2026-03-04T05:06:07.089Z"},"operation":"read \\u003cb\\u003e",' +
      '"porc":{"context":{"a":"\\u003c\\u0026\\u003e","b":1e+21},"resource":{}},' +
      '"principal":{"realm":"acme","subject":"ada"},"references":[' +
      '{"decision":"GRANT","duration":"1235","id":"read \\u003cb\\u003e","phase":"SYSTEM",' +
      '"policies":[{"fingerprint":"AAA=","mrn":"p\\u0026q"}]},' +
      '{"decision":"DENY","phase":"SCOPE","policies":[{}],"reason":"scope not found","reasonCode":"NOTFOUND_ERROR"}],' +
      '"resource":"mrn:1","systemOverride":true}',
  );
});

test('is one line of JSON for whatever the request holds', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (porc, text) => {
      const line = renderAccessRecord({ ...nothing, porc, subject: text, operation: text });
      expect(line).not.toContain('\n');
      expect(JSON.parse(line)).toMatchObject({ porc });
    }),
  );
});

test.each([
  { what: 'the first millisecond of a second', ms: Date.UTC(2026, 0, 2, 3, 4, 5, 0), text: '2026-01-02T03:04:05.000Z' },
  { what: 'one with one digit', ms: Date.UTC(2026, 0, 2, 3, 4, 5, 7), text: '2026-01-02T03:04:05.007Z' },
  { what: 'one with two digits', ms: Date.UTC(2026, 0, 2, 3, 4, 5, 89), text: '2026-01-02T03:04:05.089Z' },
  {
    what: 'one with three digits, in another second',
    ms: Date.UTC(2026, 0, 2, 3, 4, 6, 123),
    text: '2026-01-02T03:04:06.123Z',
  },
  { what: 'a part of a millisecond', ms: Date.UTC(2026, 0, 2, 3, 4, 5, 7) + 0.9, text: '2026-01-02T03:04:05.007Z' },
])('a record tells its time to the millisecond: $what', ({ ms, text }) => {
  expect(recordTimestamp(ms)).toBe(text);
});
