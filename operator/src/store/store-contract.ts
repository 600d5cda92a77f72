import {
  API_VERSION,
  PolicySetSpec,
  type PolicyDomain,
  type PolicyRevision,
  type PolicyRevisionSpec,
} from '@edict/crds';
import type { KindName, NewObject, Store, WatchEvent } from './store.ts';

/** What the contract needs of a test runner, so that it is not bound to one. */
export interface ContractRunner {
  readonly test: (name: string, body: () => Promise<void>) => void;
  readonly expect: (actual: unknown) => {
    readonly toBe: (expected: unknown) => void;
    readonly toStrictEqual: (expected: unknown) => void;
    readonly toMatchObject: (expected: object) => void;
    readonly toBeUndefined: () => void;
  };
  readonly eventually: <T>(what: string, look: () => T | undefined | Promise<T | undefined>) => Promise<T>;
}

/** A store under test, and a namespace that no other test uses. */
export interface ContractSubject {
  readonly store: () => Store;
  readonly namespace: () => string;
}

const DIGEST = `sha256:${'0'.repeat(64)}`;

function newSet(namespace: string, name: string): NewObject<'PolicySet'> {
  return { apiVersion: API_VERSION, kind: 'PolicySet', metadata: { namespace, name }, spec: PolicySetSpec.parse({}) };
}

function newDomain(
  namespace: string,
  name: string,
  labels?: Readonly<Record<string, string>>,
): NewObject<'PolicyDomain'> {
  return {
    apiVersion: API_VERSION,
    kind: 'PolicyDomain',
    metadata: { namespace, name, ...(labels === undefined ? {} : { labels }) },
    spec: { policies: [{ mrn: 'mrn:policy:main', rego: 'package authz\n' }] },
  };
}

function newRevision(namespace: string, name: string): NewObject<'PolicyRevision'> {
  const spec: PolicyRevisionSpec = {
    set: 'main',
    setUid: 'uid',
    setGeneration: 1,
    n: 1,
    digest: DIGEST,
    parent: 0,
    reason: 'Spec',
    createdAt: '2026-01-01T00:00:00.000Z',
    keyId: 'key',
    signature: 'signature',
    rendererVersion: 1,
    manifest: '{}',
  };
  return { apiVersion: API_VERSION, kind: 'PolicyRevision', metadata: { namespace, name }, spec };
}

async function codeOf(action: Promise<unknown>): Promise<unknown> {
  try {
    await action;
    return 'no error';
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
}

/** The promises that every store keeps. Each store's tests run this whole list. */
export function describeStoreContract({ test, expect, eventually }: ContractRunner, subject: ContractSubject): void {
  const store = (): Store => subject.store();
  const key = (name: string) => ({ namespace: subject.namespace(), name });
  const got = async <K extends KindName>(kind: K, name: string) => {
    const object = await store().get(kind, key(name));
    if (object === undefined) throw new Error(`${kind} ${name} is not there`);
    return object;
  };

  test('what is created can be read, with uid, version, generation 1 and the default status', async () => {
    const created = await store().create(newSet(subject.namespace(), 'created'));
    expect(typeof created.metadata.uid).toBe('string');
    expect(created.metadata.generation).toBe(1);
    expect(created.status).toStrictEqual({ observedGeneration: -1 });
    const read = await got('PolicySet', 'created');
    expect(read.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    expect(read.spec).toMatchObject({ minReady: 1, history: { limit: 10 } });
  });

  test('a name is taken once', async () => {
    await store().create(newSet(subject.namespace(), 'twice'));
    expect(await codeOf(store().create(newSet(subject.namespace(), 'twice')))).toBe('AlreadyExists');
  });

  test('what breaks the schema is refused', async () => {
    const wrong = { ...newDomain(subject.namespace(), 'wrong'), spec: { policies: 'none' } };
    expect(await codeOf(store().create(wrong as unknown as NewObject<'PolicyDomain'>))).toBe('Invalid');
  });

  test('what is not there is undefined to get, and NotFound to write', async () => {
    expect(await store().get('PolicySet', key('nowhere'))).toBeUndefined();
    const object = await store().create(newSet(subject.namespace(), 'gone'));
    await store().delete('PolicySet', key('gone'));
    expect(await codeOf(store().update<'PolicySet'>(object))).toBe('NotFound');
    expect(await codeOf(store().delete('PolicySet', key('gone')))).toBe('NotFound');
  });

  test('of two updates of one version the second conflicts, and nothing of it is kept', async () => {
    const object = await store().create(newSet(subject.namespace(), 'contended'));
    await store().update<'PolicySet'>({ ...object, spec: { ...object.spec, paused: true } });
    expect(await codeOf(store().update<'PolicySet'>({ ...object, spec: { ...object.spec, minReady: 7 } }))).toBe(
      'Conflict',
    );
    expect((await got('PolicySet', 'contended')).spec).toMatchObject({ paused: true, minReady: 1 });
  });

  test('the generation rises with the spec, and neither with labels nor with status', async () => {
    const object = await store().create(newSet(subject.namespace(), 'generations'));
    const labelled = await store().update<'PolicySet'>({
      ...object,
      metadata: { ...object.metadata, labels: { team: 'a' } },
    });
    expect(labelled.metadata.generation).toBe(1);
    const reported = await store().updateStatus<'PolicySet'>({ ...labelled, status: { observedGeneration: 1 } });
    expect(reported.metadata.generation).toBe(1);
    const edited = await store().update<'PolicySet'>({ ...reported, spec: { ...reported.spec, paused: true } });
    expect(edited.metadata.generation).toBe(2);
    expect(edited.metadata.uid).toBe(object.metadata.uid);
  });

  test('an update leaves the status, and a status update leaves the rest', async () => {
    const object = await store().create(newSet(subject.namespace(), 'apart'));
    const reported = await store().updateStatus<'PolicySet'>({
      ...object,
      spec: { ...object.spec, paused: true },
      status: { observedGeneration: 1, desiredRevision: 3 },
    });
    expect(reported.spec.paused).toBe(false);
    const edited = await store().update<'PolicySet'>({
      ...reported,
      status: {},
      spec: { ...reported.spec, paused: true },
    });
    expect(edited.status).toMatchObject({ desiredRevision: 3 });
  });

  test('of two status updates of one version the second conflicts', async () => {
    const object = await store().create(newRevision(subject.namespace(), 'decided-1'));
    const wave = (decision: 'Commit' | 'Abort') => ({ waves: [{ index: 0, decision }] });
    await store().updateStatus<'PolicyRevision'>({ ...object, status: wave('Commit') });
    expect(await codeOf(store().updateStatus<'PolicyRevision'>({ ...object, status: wave('Abort') }))).toBe('Conflict');
  });

  test('a decision never changes, whoever writes it', async () => {
    const object = await store().create(newRevision(subject.namespace(), 'decided-2'));
    const status = { waves: [{ index: 0, decision: 'Commit' as const }] };
    const decided = await store().updateStatus<'PolicyRevision'>({ ...object, status });
    const abort = { waves: [{ index: 0, decision: 'Abort' as const }] };
    expect(await codeOf(store().updateStatus<'PolicyRevision'>({ ...decided, status: abort }))).toBe('Invalid');
    expect(await codeOf(store().updateStatus<'PolicyRevision'>({ ...decided, status: { waves: [] } }))).toBe('Invalid');
    expect((await got('PolicyRevision', 'decided-2')).status).toMatchObject(status);
  });

  test('a revision is immutable', async () => {
    const object = await store().create(newRevision(subject.namespace(), 'immutable-1'));
    const changed: PolicyRevision = { ...object, spec: { ...object.spec, n: 2 } };
    expect(await codeOf(store().update<'PolicyRevision'>(changed))).toBe('Invalid');
  });

  test('a finalizer holds a deletion back, and its removal completes it', async () => {
    const object = await store().create(newSet(subject.namespace(), 'finalized'));
    await store().update<'PolicySet'>({
      ...object,
      metadata: { ...object.metadata, finalizers: ['edict.dev/withdraw'] },
    });
    await store().delete('PolicySet', key('finalized'));
    const held = await got('PolicySet', 'finalized');
    expect(typeof held.metadata.deletionTimestamp).toBe('string');
    await store().update<'PolicySet'>({ ...held, metadata: { ...held.metadata, finalizers: [] } });
    expect(await store().get('PolicySet', key('finalized'))).toBeUndefined();
  });

  test('a deletion may be meant for one object of that name only', async () => {
    const object = await store().create(newSet(subject.namespace(), 'this-one'));
    expect(await codeOf(store().delete('PolicySet', key('this-one'), { uid: 'another' }))).toBe('Conflict');
    await store().delete('PolicySet', key('this-one'), { uid: object.metadata.uid ?? '' });
    expect(await store().get('PolicySet', key('this-one'))).toBeUndefined();
  });

  test('server-side apply makes an object, keeps the fields of others, and drops what its manager stops naming', async () => {
    const { namespace, name } = key('applied');
    const base = { apiVersion: API_VERSION, kind: 'PolicySet' as const };
    const first = await store().apply<'PolicySet'>(
      { ...base, metadata: { namespace, name, labels: { a: '1', b: '1' } }, spec: { paused: true } },
      { fieldManager: 'one' },
    );
    expect(first.spec).toMatchObject({ paused: true, minReady: 1 });
    await store().apply<'PolicySet'>(
      { ...base, metadata: { namespace, name, labels: { c: '2' } } },
      { fieldManager: 'two' },
    );
    const last = await store().apply<'PolicySet'>(
      { ...base, metadata: { namespace, name, labels: { a: '1' } }, spec: { paused: true } },
      { fieldManager: 'one' },
    );
    expect(last.metadata.labels).toStrictEqual({ a: '1', c: '2' });
  });

  test('a list is narrowed by namespace and labels, and sorted', async () => {
    const { namespace } = key('');
    await store().create(newDomain(namespace, 'b', { list: 'yes' }));
    await store().create(newDomain(namespace, 'a', { list: 'yes' }));
    await store().create(newDomain(namespace, 'c'));
    const selector = { matchLabels: { list: 'yes' } };
    const listed = await store().list('PolicyDomain', { namespace, selector });
    expect(listed.map(({ metadata }) => metadata.name)).toStrictEqual(['a', 'b']);
    expect(await store().list('PolicyDomain', { namespace: 'elsewhere', selector })).toStrictEqual([]);
  });

  test('a watch lists first, then tells of every last state, and knows our own writes at once', async () => {
    const { namespace } = key('');
    await store().create(newDomain(namespace, 'watched-before'));
    const events: WatchEvent<'PolicyDomain'>[] = [];
    const watcher = store().watch('PolicyDomain', { namespace }, (event) => events.push(event));
    await watcher.synced;
    expect(watcher.hasSynced()).toBe(true);
    expect(watcher.get(key('watched-before'))?.metadata.name).toBe('watched-before');
    const created = await store().create(newDomain(namespace, 'watched'));
    expect(watcher.get(key('watched'))?.metadata.uid).toBe(created.metadata.uid);
    const updated = await store().update<'PolicyDomain'>({
      ...created,
      spec: { policies: [{ mrn: 'mrn:policy:main', rego: 'package other\n' }] },
    });
    expect(watcher.get(key('watched'))?.metadata.resourceVersion).toBe(updated.metadata.resourceVersion);
    await store().delete('PolicyDomain', key('watched'));
    await eventually('the deletion is seen', () =>
      events.some(({ type, object }) => type === 'deleted' && object.metadata.name === 'watched') ? true : undefined,
    );
    expect(watcher.get(key('watched'))).toBeUndefined();
    await watcher.stop();
    const count = events.length;
    await store().create(newDomain(namespace, 'unwatched'));
    expect(events.length).toBe(count);
  });

  test('who subscribes to a watch finds every change in its cache when told, and hears nothing after leaving', async () => {
    const { namespace } = key('');
    const watcher = store().watch('PolicyDomain', { namespace }, () => undefined);
    await watcher.synced;
    const told: string[] = [];
    const leave = watcher.subscribe(({ type, object }) => {
      const known = watcher.get(key('subscribed'))?.metadata.resourceVersion;
      told.push(`${type} ${String(known === object.metadata.resourceVersion)}`);
    });
    await store().create(newDomain(namespace, 'subscribed'));
    expect(told).toStrictEqual(['changed true']);
    await store().delete('PolicyDomain', key('subscribed'));
    await eventually('the deletion is told', () => (told.length === 2 ? true : undefined));
    expect(told.at(-1)).toBe('deleted false');
    leave();
    await store().create(newDomain(namespace, 'unheard'));
    expect(told.length).toBe(2);
    await watcher.stop();
  });

  test('an object whose labels leave the selection is deleted for that watch', async () => {
    const { namespace } = key('');
    const selector = { matchLabels: { team: 'a' } };
    const created = await store().create(newDomain(namespace, 'leaving', { team: 'a' }));
    const seen: string[] = [];
    const watcher = store().watch('PolicyDomain', { namespace, selector }, ({ type, object }) => {
      seen.push(`${type} ${object.metadata.name}`);
    });
    await watcher.synced;
    const moved: PolicyDomain = { ...created, metadata: { ...created.metadata, labels: { team: 'b' } } };
    await store().update<'PolicyDomain'>(moved);
    await eventually('it is gone for the watch', () => (watcher.get(key('leaving')) === undefined ? true : undefined));
    expect(seen.at(-1)).toBe('deleted leaving');
    await watcher.stop();
  });

  test('of many who write one version exactly one succeeds', async () => {
    const object = await store().create(newSet(subject.namespace(), 'raced'));
    const writes = Array.from({ length: 8 }, (_, index) =>
      codeOf(store().update<'PolicySet'>({ ...object, spec: { ...object.spec, minReady: index + 2 } })),
    );
    const outcomes = await Promise.all(writes);
    expect(outcomes.filter((outcome) => outcome === 'no error').length).toBe(1);
    expect(outcomes.filter((outcome) => outcome === 'Conflict').length).toBe(7);
  });
}
