import { describe, expect, test } from '@jest/globals';
import type { AccessRecord } from '@edict/engine';
import { ActiveSets } from '../active-sets.ts';
import type { DocumentDecision } from '../core/audit-sink.ts';
import { createDecisionCore } from '../core/decision-core.ts';
import { fieldsOf, messageOf, type TestField } from '../testing/check-messages.ts';
import { liftRequest, SET } from '../testing/revisions.ts';
import { craneSnapshot } from '../testing/snapshots.ts';
import { decisionMethods } from './decision-service.ts';
import { PROTO_FILES } from './gen/proto-files.ts';
import type { GrpcMethod, GrpcStream, StreamReader, UnaryAnswer } from './grpc-method.ts';
import { healthMethods } from './health-service.ts';
import { reflectionMethods } from './reflection-service.ts';
import type { GrpcFailure } from './status.ts';

const CALL = { metadata: {}, caller: undefined, onGone: () => undefined };

async function unary(
  methods: readonly GrpcMethod[],
  name: string,
  message: Buffer,
  metadata = {},
): Promise<UnaryAnswer> {
  const method = methods.find(({ path }) => path.endsWith(`/${name}`));
  if (method?.kind !== 'unary') throw new Error(`there is no ${name}`);
  return await method.handle(message, { ...CALL, metadata });
}

/** The fields of an answer; throws if the call failed. */
function answered(answer: UnaryAnswer): ReadonlyMap<number, readonly (Buffer | number)[]> {
  if (!Buffer.isBuffer(answer)) throw new Error(`${answer.code}: ${answer.message}`);
  return fieldsOf(answer.subarray(5));
}

describe('decisions', () => {
  const DIGEST = `sha256:${'a'.repeat(64)}`;
  const porc = (tons: number): string => JSON.stringify(liftRequest(tons));

  function serve(maxBatch = 10) {
    const sets = new ActiveSets();
    sets.swap({ set: SET, setUid: 'uid', n: 4, digest: DIGEST, snapshot: craneSnapshot(10), activatedAtMs: 0 });
    const records: (AccessRecord | DocumentDecision)[] = [];
    const audit = { room: () => true, record: (record: AccessRecord | DocumentDecision) => void records.push(record) };
    return { methods: decisionMethods({ core: createDecisionCore({ sets, audit }), maxBatch }), records };
  }

  function revisionOf(bytes: Buffer | number | undefined): readonly unknown[] {
    const fields = fieldsOf(bytes as Buffer);
    return [1, 2, 3].map((number) => {
      const value = fields.get(number)?.[0];
      return Buffer.isBuffer(value) ? value.toString() : value;
    });
  }

  test('one PORC is decided, and the answer names the revision', async () => {
    const { methods, records } = serve();
    const granted = answered(await unary(methods, 'Authorize', messageOf([[1, porc(5)]])));
    expect(granted.get(1)).toStrictEqual([1]);
    expect(revisionOf(granted.get(2)?.[0])).toStrictEqual([SET, 4, DIGEST]);
    const denied = answered(await unary(methods, 'Authorize', messageOf([[1, porc(50)]])));
    expect(denied.get(1)).toBeUndefined();
    expect(revisionOf(denied.get(2)?.[0])).toStrictEqual([SET, 4, DIGEST]);
    expect(records).toMatchObject([{ decision: 'GRANT' }, { decision: 'DENY' }]);
  });

  test('the token of an answer is a requirement of the next', async () => {
    const { methods } = serve();
    const first = answered(await unary(methods, 'Authorize', messageOf([[1, porc(5)]])));
    const token = String(fieldsOf(first.get(2)?.[0] as Buffer).get(4)?.[0]);
    const asked = messageOf([
      [1, porc(5)],
      [
        3,
        [
          [2, token],
          [3, 10],
        ],
      ],
    ]);
    expect(answered(await unary(methods, 'Authorize', asked)).get(1)).toStrictEqual([1]);
    const long = messageOf([
      [1, porc(5)],
      [3, [[3, 4_000_000_000]]],
    ]);
    expect(answered(await unary(methods, 'Authorize', long)).get(1)).toStrictEqual([1]);
  });

  test('a probe leaves no record', async () => {
    const { methods, records } = serve();
    await unary(
      methods,
      'Authorize',
      messageOf([
        [1, porc(5)],
        [2, 1],
      ]),
    );
    expect(records).toStrictEqual([]);
  });

  test('a batch is decided item by item, and says which item is none', async () => {
    const { methods, records } = serve();
    const fields: TestField[] = [porc(5), '{', porc(50), '[]'].map((text) => [1, text]);
    const answer = answered(await unary(methods, 'AuthorizeBatch', messageOf(fields)));
    const items = (answer.get(1) ?? []).map((item) => fieldsOf(item as Buffer));
    expect(items.map((item) => item.get(1)?.[0])).toStrictEqual([1, undefined, 0, undefined]);
    expect(items.map((item) => item.has(2))).toStrictEqual([false, true, false, true]);
    expect(revisionOf(answer.get(2)?.[0])).toStrictEqual([SET, 4, DIGEST]);
    expect(records).toHaveLength(2);
  });

  test.each<[string, string, Buffer, object, string]>([
    ['no PORC', 'Authorize', Buffer.alloc(0), {}, 'INVALID_ARGUMENT'],
    ['a PORC that is no object', 'Authorize', messageOf([[1, '[]']]), {}, 'INVALID_ARGUMENT'],
    ['a message that is none', 'Authorize', Buffer.from([0x0a, 9]), {}, 'INVALID_ARGUMENT'],
    [
      'a batch that is too large',
      'AuthorizeBatch',
      messageOf(Array<TestField>(11).fill([1, '{}'])),
      {},
      'INVALID_ARGUMENT',
    ],
    [
      'a set that is not there',
      'Authorize',
      messageOf([
        [1, porc(5)],
        [3, [[1, 'a/b']]],
      ]),
      {},
      'UNAVAILABLE',
    ],
    ['such a set in the metadata', 'Authorize', messageOf([[1, porc(5)]]), { 'policy-set': 'a/b' }, 'UNAVAILABLE'],
    [
      'a revision that is not active',
      'Authorize',
      messageOf([
        [1, porc(5)],
        [3, [[2, `${SET}@5`]]],
      ]),
      {},
      'FAILED_PRECONDITION',
    ],
    [
      'a requirement that cannot be read',
      'Authorize',
      messageOf([
        [1, porc(5)],
        [3, [[2, '?']]],
      ]),
      {},
      'INVALID_ARGUMENT',
    ],
  ])('%s fails the call', async (_, name, message, metadata, code) => {
    const { methods, records } = serve();
    expect(await unary(methods, name, message, metadata)).toMatchObject({ kind: 'failure', code });
    expect(records).toStrictEqual([]);
  });
});

/** A stream whose messages are kept. */
function openStream(methods: readonly GrpcMethod[], name: string) {
  const method = methods.find(({ path }) => path.endsWith(`/${name}`));
  if (method?.kind !== 'stream') throw new Error(`there is no ${name}`);
  const sent: Buffer[] = [];
  const ended: (GrpcFailure | undefined)[] = [];
  const gone: (() => void)[] = [];
  const stream: GrpcStream = {
    send: (message) => sent.push(message.subarray(5)),
    end: (failed) => ended.push(failed),
    onGone: (listener) => gone.push(listener),
  };
  const reader: StreamReader = method.open(stream);
  return { reader, sent, ended, leave: () => gone.forEach((listener) => listener()) };
}

describe('health', () => {
  function serve(maxWatchers?: number) {
    const state = { ready: true };
    const looks = new Set<() => void>();
    const methods = healthMethods({
      services: ['a.B'],
      isReady: () => state.ready,
      every: (look) => {
        looks.add(look);
        return () => void looks.delete(look);
      },
      ...(maxWatchers === undefined ? {} : { maxWatchers }),
    });
    return { state, looks, methods };
  }

  test('is that of the PDP, for the server and for every service', async () => {
    const { state, methods } = serve();
    for (const service of [messageOf([]), messageOf([[1, 'a.B']])]) {
      expect(answered(await unary(methods, 'Check', service)).get(1)).toStrictEqual([1]);
    }
    state.ready = false;
    expect(answered(await unary(methods, 'Check', messageOf([]))).get(1)).toStrictEqual([2]);
    expect(await unary(methods, 'Check', messageOf([[1, 'c.D']]))).toMatchObject({ code: 'NOT_FOUND' });
    expect(await unary(methods, 'Check', Buffer.from([0x0a, 9]))).toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('a watcher is told what it is, and then what has changed', () => {
    const { state, looks, methods } = serve();
    const { reader, sent, leave } = openStream(methods, 'Watch');
    reader.message(messageOf([[1, 'a.B']]));
    reader.ended();
    const look = (): void => looks.forEach((one) => one());
    look();
    state.ready = false;
    look();
    look();
    expect(sent.map((message) => fieldsOf(message).get(1)?.[0])).toStrictEqual([1, 2]);
    leave();
    expect(looks.size).toBe(0);
  });

  test('a watcher of an unknown service is told so, and one without a question that it asked none', () => {
    const { methods } = serve();
    const unknown = openStream(methods, 'Watch');
    unknown.reader.message(messageOf([[1, 'c.D']]));
    expect(unknown.sent.map((message) => fieldsOf(message).get(1)?.[0])).toStrictEqual([3]);
    const silent = openStream(methods, 'Watch');
    silent.reader.ended();
    expect(silent.ended).toMatchObject([{ code: 'INVALID_ARGUMENT' }]);
  });

  test('watchers have a bound, and one that leaves makes room', () => {
    const { methods } = serve(1);
    const first = openStream(methods, 'Watch');
    first.reader.message(Buffer.alloc(0));
    const second = openStream(methods, 'Watch');
    second.reader.message(Buffer.alloc(0));
    expect(second.ended).toMatchObject([{ code: 'RESOURCE_EXHAUSTED' }]);
    first.leave();
    const third = openStream(methods, 'Watch');
    third.reader.message(Buffer.alloc(0));
    expect([third.sent.length, third.ended]).toStrictEqual([1, []]);
  });
});

describe('reflection', () => {
  const SERVICE = 'edict.pdp.v1.DecisionService';
  const methods = reflectionMethods({ services: [SERVICE], files: PROTO_FILES });

  function ask(request: Buffer): ReadonlyMap<number, readonly (Buffer | number)[]> {
    const { reader, sent } = openStream(methods, 'ServerReflectionInfo');
    reader.message(request);
    const [message] = sent;
    if (message === undefined) throw new Error('there is no answer');
    expect(fieldsOf(message).get(2)).toStrictEqual([request]);
    return fieldsOf(message);
  }

  /** Names of the files of an answer. */
  function filesOf(answer: ReadonlyMap<number, readonly (Buffer | number)[]>): readonly string[] {
    const files = fieldsOf(answer.get(4)?.[0] as Buffer).get(1) ?? [];
    return files.map((file) => String(fieldsOf(file as Buffer).get(1)?.[0])).sort();
  }

  test('lists services', () => {
    const list = fieldsOf(ask(messageOf([[7, '*']])).get(6)?.[0] as Buffer);
    expect((list.get(1) ?? []).map((one) => String(fieldsOf(one as Buffer).get(1)?.[0]))).toStrictEqual([SERVICE]);
  });

  test.each([SERVICE, `${SERVICE}.Authorize`, 'edict.pdp.v1.BatchItem'])('finds the file of %s', (symbol) => {
    expect(filesOf(ask(messageOf([[4, symbol]])))).toStrictEqual(['edict/pdp/v1/decision.proto']);
  });

  test('gives a file with all that it imports', () => {
    const names = filesOf(ask(messageOf([[3, 'envoy/service/auth/v3/external_auth.proto']])));
    expect(names).toStrictEqual(
      expect.arrayContaining(['envoy/config/core/v3/address.proto', 'google/protobuf/any.proto']),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  test('finds what is declared inside of a message', () => {
    const [name] = filesOf(ask(messageOf([[4, 'envoy.service.auth.v3.AttributeContext.HttpRequest']])));
    expect(name).toBe('envoy/config/core/v3/address.proto');
  });

  test.each<[string, TestField]>([
    ['a file', [3, 'none.proto']],
    ['a symbol', [4, 'no.Such']],
    [
      'an extension',
      [
        5,
        [
          [1, 'a.B'],
          [2, 5],
        ],
      ],
    ],
    ['the extensions of a type', [6, 'a.B']],
  ])('says of %s that there is none', (_, field) => {
    const [error] = ask(messageOf([field])).get(7) ?? [];
    expect(fieldsOf(error as Buffer).get(1)).toStrictEqual([5]);
  });

  test('ends with the caller, and at a message that is none', () => {
    const { reader, ended } = openStream(methods, 'ServerReflectionInfo');
    reader.message(Buffer.from([0x0a, 9]));
    expect(ended).toMatchObject([{ code: 'INVALID_ARGUMENT' }]);
    const other = openStream(methods, 'ServerReflectionInfo');
    other.reader.ended();
    expect(other.ended).toStrictEqual([undefined]);
  });
});
