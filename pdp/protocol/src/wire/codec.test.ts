import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import * as gen from '../gen/edict/distribution/v1/distribution.ts';
import { EXCEPTIONS_MAX, MESSAGE_MAX_BYTES, NACK_MESSAGE_MAX_BYTES, SETS_MAX, SHADOW_SAMPLES_MAX } from '../limits.ts';
import {
  ABORT_REASONS,
  BOOT_REASONS,
  COMMIT_TIMINGS,
  EXCEPTION_STATES,
  NACK_PHASES,
  REVISION_REASONS,
  SET_STATES,
  SHADOW_DIFFERENCES,
  type OperatorMessage,
  type PdpMessage,
} from '../messages.ts';
import { clampDetail, clampUtf8 } from '../nack.ts';
import { aDigest, aRevision } from '../testing/builders.ts';
import {
  decodeOperatorMessage,
  decodePdpMessage,
  encodeOperatorMessage,
  encodePdpMessage,
  knownMessage,
} from './codec.ts';

const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const set = fc.stringMatching(/^[a-z]{1,9}\/[a-z]{1,9}$/);
const name = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
const digest = fc.nat().map(aDigest);
const id = fc.record({ setUid: name, n: whole.map((n) => Math.max(1, n)), digest });
const count = fc.nat({ max: 2 ** 31 });
const share = fc.record({ salt: name, upTo: fc.integer({ min: 1, max: 9_999 }) });
const canary = fc.record({ revision: id, share }).map(({ revision: of, share: part }) => ({ revision: of, ...part }));
const canaryBeat = fc.record({ n: whole.map((n) => Math.max(1, n)), upTo: fc.integer({ min: 1, max: 9_999 }) });
// Without -0, which the encoding, like everyone else, takes for 0.
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);

const setLoad = fc.record({ decisions: whole, errors: whole, denied: whole, p99Micros: number });

const pdpMessage: fc.Arbitrary<PdpMessage> = fc.oneof(
  fc.record(
    {
      type: fc.constant('Hello' as const),
      protocol: fc.integer({ min: 3, max: 100 }),
      oldestProtocol: fc.integer({ min: 1, max: 3 }),
      engine: fc.record({ name, version: name, features: fc.array(name, { maxLength: 5 }) }),
      sets: fc.array(fc.record({ set, active: id, staged: id, lkg: id, canary }, { requiredKeys: ['set'] }), {
        maxLength: 5,
      }),
      bootReason: fc.constantFrom(...BOOT_REASONS),
      capacityBytes: whole,
    },
    { requiredKeys: ['type', 'protocol', 'engine', 'sets', 'bootReason', 'capacityBytes'] },
  ),
  fc.record({
    type: fc.constant('Prepared' as const),
    set,
    revision: id,
    compileMs: number,
    heapDeltaBytes: number,
    tests: fc.record({ passed: count, failed: count }),
  }),
  fc.record({
    type: fc.constant('Nack' as const),
    set,
    revision: id,
    phase: fc.constantFrom(...NACK_PHASES),
    code: fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,20}$/),
    deterministic: fc.boolean(),
    detail: fc.record(
      { message: fc.string(), domain: name, mrn: name, line: count, column: count },
      { requiredKeys: ['message'] },
    ),
  }),
  fc.record(
    {
      type: fc.constant('Active' as const),
      set,
      revision: id,
      activatedAt: number,
      swapMicros: number,
      persisted: fc.boolean(),
      share,
      timing: fc.constantFrom(...COMMIT_TIMINGS),
    },
    { requiredKeys: ['type', 'set', 'revision', 'activatedAt', 'swapMicros', 'persisted'] },
  ),
  fc.record({
    type: fc.constant('SiteReport' as const),
    set,
    setUid: name,
    revision: whole,
    committed: whole,
    counts: fc.record({
      required: count,
      connected: count,
      prepared: count,
      active: count,
      nacked: count,
      laggards: count,
      missing: count,
    }),
    exceptions: fc.array(
      fc.record({ node: name, state: fc.constantFrom(...EXCEPTION_STATES), active: whole, reason: name }),
      { maxLength: EXCEPTIONS_MAX },
    ),
  }),
  fc.record({
    type: fc.constant('ShadowReport' as const),
    set,
    revision: id,
    done: fc.boolean(),
    counts: fc.record({
      total: whole,
      changed: whole,
      grantToDeny: whole,
      denyToGrant: whole,
      errors: whole,
      dropped: whole,
    }),
    samples: fc.array(
      fc.record({
        difference: fc.constantFrom(...SHADOW_DIFFERENCES),
        principal: name,
        operation: name,
        resource: name,
      }),
      { maxLength: SHADOW_SAMPLES_MAX },
    ),
  }),
  fc.record({
    type: fc.constant('Beat' as const),
    seq: whole,
    sentAt: number,
    sets: fc.array(
      fc.record(
        {
          set,
          setUid: fc.string({ maxLength: 9 }),
          state: fc.constantFrom(...SET_STATES),
          active: whole,
          staged: whole,
          canary: canaryBeat,
          load: setLoad,
          canaryLoad: setLoad,
        },
        { requiredKeys: ['set', 'setUid', 'state', 'active', 'staged'] },
      ),
      { maxLength: 5 },
    ),
    load: fc.record({
      decisions: whole,
      errors: whole,
      denied: whole,
      p99Micros: number,
      unlogged: whole,
      rssBytes: whole,
    }),
  }),
);

const duration = fc.nat({ max: 86_400_000 });
const revision = fc
  .record({ set, setUid: name, n: whole, digest, parent: whole, reason: fc.constantFrom(...REVISION_REASONS) })
  .map((fields) => aRevision(1, { ...fields, n: Math.max(1, fields.n) }));
const offer = {
  set,
  revision,
  ticket: fc.string({ maxLength: 50 }),
  deadlineMs: duration.map((ms) => Math.max(1, ms)),
  spreadMs: duration,
};
const operatorMessage: fc.Arbitrary<OperatorMessage> = fc.oneof(
  fc.record({
    type: fc.constant('Welcome' as const),
    replica: name,
    sets: fc.array(set, { maxLength: 5 }),
    heartbeatMs: duration.map((ms) => Math.max(100, ms)),
    artifactsUrl: fc.string({ maxLength: 50 }),
  }),
  fc.record({
    type: fc.constant('Welcome' as const),
    replica: name,
    sets: fc.array(set, { maxLength: 5 }),
    heartbeatMs: duration.map((ms) => Math.max(100, ms)),
    artifactsUrl: fc.string({ maxLength: 50 }),
    fallbackSources: fc.array(fc.webUrl(), { minLength: 1, maxLength: 8 }),
    redialMaxMs: duration.map((ms) => Math.max(1, ms)),
  }),
  fc.record(
    {
      type: fc.constant('Prepare' as const),
      ...offer,
      shadow: fc.record({
        samplePpm: fc.integer({ min: 1, max: 1_000_000 }),
        windowMs: duration.map((ms) => Math.max(1, ms)),
      }),
    },
    { requiredKeys: ['type', 'set', 'revision', 'ticket', 'deadlineMs', 'spreadMs'] },
  ),
  fc.record(
    {
      type: fc.constant('Commit' as const),
      ...offer,
      share,
      activateAt: number,
      decision: fc.record({ final: fc.boolean(), keyId: name, signature: name }),
    },
    { requiredKeys: ['type', 'set', 'revision', 'ticket', 'deadlineMs', 'spreadMs'] },
  ),
  fc.record({ type: fc.constant('Abort' as const), set, revision: id, reason: fc.constantFrom(...ABORT_REASONS) }),
  fc.record({
    type: fc.constant('BeatAck' as const),
    seq: whole,
    asOfAgeMs: count,
    clock: number,
    sets: fc.array(
      fc.record(
        { set, setUid: name, minRev: whole, stableRev: whole, canary: canaryBeat },
        { requiredKeys: ['set', 'setUid', 'minRev', 'stableRev'] },
      ),
      { maxLength: 5 },
    ),
  }),
  fc.record({ type: fc.constantFrom('Reconnect' as const, 'Retry' as const), afterMs: duration, reason: fc.string() }),
);

describe('a message that was encoded is decoded as it was', () => {
  test('from PDPs', () => {
    fc.assert(
      fc.property(pdpMessage, (message) => {
        expect(decodePdpMessage(encodePdpMessage(message))).toEqual(message);
      }),
    );
  });

  test('from operators', () => {
    fc.assert(
      fc.property(operatorMessage, (message) => {
        expect(decodeOperatorMessage(encodeOperatorMessage(message))).toEqual(message);
      }),
    );
  });
});

test('whatever bytes come, decoding gives a message or a WireError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const decode of [decodePdpMessage, decodeOperatorMessage]) {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: 'WireError' });
        }
      }
    }),
  );
});

const genNack = (change: Partial<gen.Nack>): gen.ConnectRequest => ({
  message: {
    $case: 'nack',
    value: {
      set: 'default/a',
      revision: { setUid: 'u', n: 1, digest: aDigest(1) },
      phase: gen.NackPhase.FETCH,
      code: 'X',
      deterministic: false,
      detail: { message: 'x', domain: undefined, mrn: undefined, line: undefined, column: undefined },
      ...change,
    },
  },
});

const detail = (message: string): gen.NackDetail => ({
  message,
  domain: undefined,
  mrn: undefined,
  line: undefined,
  column: undefined,
});

test.each<[string, gen.ConnectRequest, string]>([
  ['no message in it', { message: undefined }, 'UnknownMessage'],
  ['no revision', genNack({ revision: undefined }), 'Missing'],
  ['a digest of another form', genNack({ revision: { setUid: 'u', n: 1, digest: 'sha1:00' } }), 'OutOfBounds'],
  ['revision 0', genNack({ revision: { setUid: 'u', n: 0, digest: aDigest(1) } }), 'OutOfBounds'],
  ['a set without a namespace', genNack({ set: 'payments' }), 'OutOfBounds'],
  ['no phase', genNack({ phase: gen.NackPhase.UNSPECIFIED }), 'OutOfBounds'],
  ['a code that is a sentence', genNack({ code: 'it did not work' }), 'OutOfBounds'],
  [
    'an explanation over the limit',
    genNack({ detail: detail('ä'.repeat(NACK_MESSAGE_MAX_BYTES / 2) + 'x') }),
    'OutOfBounds',
  ],
  [
    'more sets than a PDP may have',
    {
      message: {
        $case: 'beat',
        value: {
          seq: 1,
          sentAtMs: 0,
          sets: Array.from({ length: SETS_MAX + 1 }, () => ({
            set: 'a/b',
            setUid: '',
            state: gen.SetState.EMPTY,
            active: 0,
            staged: 0,
          })),
          load: { decisions: 0, errors: 0, denied: 0, p99Micros: 0, unlogged: 0, rssBytes: 0 },
          trustedKeys: [],
        },
      },
    },
    'OutOfBounds',
  ],
])('a message with %s is refused', (_name, message, code) => {
  expect(() => decodePdpMessage(gen.ConnectRequest.encode(message).finish())).toThrow(
    expect.objectContaining({ name: 'WireError', code }),
  );
});

/** Field 99, a text, as a newer version may add to any message. */
const UNKNOWN_FIELD = Buffer.from([0x9a, 0x06, 3, 0x6e, 0x65, 0x77]);

test('members that a newer version has added are skipped', () => {
  const beat: PdpMessage = {
    type: 'Beat',
    seq: 1,
    sentAt: 0,
    sets: [],
    load: { decisions: 0, errors: 0, denied: 0, p99Micros: 0, unlogged: 0, rssBytes: 0 },
  };
  const inner = gen.Beat.encode(gen.Beat.decode(encodePdpMessage(beat).subarray(2))).finish();
  const withMore = Buffer.concat([inner, UNKNOWN_FIELD]);
  const bytes = Buffer.concat([Buffer.from([0x2a, withMore.length]), withMore, UNKNOWN_FIELD]);
  expect(decodePdpMessage(bytes)).toEqual(beat);
});

test('a message of a type that a newer version has added is no message, and no error', () => {
  expect(knownMessage(decodePdpMessage, UNKNOWN_FIELD)).toBeUndefined();
  expect(knownMessage(decodeOperatorMessage, UNKNOWN_FIELD)).toBeUndefined();
  expect(() => knownMessage(decodePdpMessage, Buffer.from([0x2a, 9]))).toThrow(
    expect.objectContaining({ code: 'Malformed' }),
  );
});

test('an explanation at the limit passes', () => {
  const message = genNack({ detail: detail('x'.repeat(NACK_MESSAGE_MAX_BYTES)) });
  expect(decodePdpMessage(gen.ConnectRequest.encode(message).finish())).toMatchObject({ type: 'Nack' });
});

test('a message over the limit is neither sent nor read', () => {
  const message: OperatorMessage = { type: 'Retry', afterMs: 1, reason: 'x'.repeat(MESSAGE_MAX_BYTES) };
  expect(() => encodeOperatorMessage(message)).toThrow(expect.objectContaining({ code: 'TooLarge' }));
  expect(() => decodePdpMessage(new Uint8Array(MESSAGE_MAX_BYTES + 1))).toThrow(
    expect.objectContaining({ code: 'TooLarge' }),
  );
});

test('a Hello with as many sets as allowed and long names fits into one message', () => {
  const revisionId = { setUid: '0'.repeat(36), n: 999_999, digest: aDigest(1) };
  const sets = Array.from({ length: SETS_MAX }, (_, index) => ({
    set: `${'n'.repeat(63)}/${String(index).padStart(63, 's')}`,
    active: revisionId,
    staged: revisionId,
    lkg: revisionId,
  }));
  const engine = { name: 'edict', version: '1.0.0', features: [] };
  const message: PdpMessage = { type: 'Hello', protocol: 1, engine, sets, bootReason: 'Restart', capacityBytes: 0 };
  expect(encodePdpMessage(message).length).toBeLessThan(MESSAGE_MAX_BYTES);
});

test('text is cut to bytes between two characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat({ max: 40 }), (text, max) => {
      const cut = clampUtf8(text, max);
      expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(max);
      expect(text.startsWith(cut)).toBe(true);
      if (Buffer.byteLength(text) <= max) expect(cut).toBe(text);
    }),
  );
});

test('whatever a compiler explains fits into a Nack', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 5000, unit: 'grapheme' }), (message) => {
      const nack: PdpMessage = {
        type: 'Nack',
        set: 'a/b',
        revision: { setUid: 'u', n: 1, digest: aDigest(1) },
        phase: 'Compile',
        code: 'x',
        deterministic: true,
        detail: clampDetail({ message, mrn: message, domain: message }),
      };
      expect(decodePdpMessage(encodePdpMessage(nack))).toEqual(nack);
    }),
    { numRuns: 30 },
  );
});
