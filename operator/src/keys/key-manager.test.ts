import { generateOpaSigningKey, generateSigningKey, parseTrustedKeys } from '@edict/bundle';
import { expect, test } from '@jest/globals';
import { StoreError } from '../store/errors.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import type { Resource } from '../store/kube/resources.ts';
import { aLog } from '../testing/fixtures.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createKeyManager, KEY_LOOK_MS, type KeyManager, type KeySurroundings } from './key-manager.ts';
import { KeyStatus, REVOKE_ANNOTATION, ROTATE_ANNOTATION } from './key-status.ts';
import { createKeyStore } from './key-store.ts';

const OVERLAP_MS = 60_000;
const PLACE = { namespace: 'edict-system', name: 'edict-signing-key' };

/** Secrets and ConfigMaps as an apiserver keeps them: versions, conflicts, and who may not. */
class Objects {
  readonly stored = new Map<string, KubeObject>();
  mayReadConfigMaps = true;
  #version = 0;

  annotate(annotations: Readonly<Record<string, string>>): void {
    const before = this.stored.get('ConfigMap') ?? { apiVersion: 'v1', kind: 'ConfigMap', metadata: PLACE };
    this.stored.set('ConfigMap', { ...before, metadata: { ...before.metadata, annotations: { ...annotations } } });
  }

  face(): KubeObjects {
    const put = ({ kind }: Resource, object: object): KubeObject => {
      const { metadata, ...rest } = object as KubeObject;
      const resourceVersion = String(++this.#version);
      const creationTimestamp = this.stored.get(kind)?.metadata.creationTimestamp ?? '2023-11-14T00:00:00Z';
      const next = { ...rest, kind, metadata: { ...metadata, resourceVersion, creationTimestamp } };
      this.stored.set(kind, next);
      return next;
    };
    const face: Partial<KubeObjects> = {
      get: <T extends KubeObject>({ kind }: Resource) => {
        if (kind === 'ConfigMap' && !this.mayReadConfigMaps) {
          return Promise.reject(new StoreError('Forbidden', 'configmaps is forbidden'));
        }
        return Promise.resolve(this.stored.get(kind) as T | undefined);
      },
      create: <T extends KubeObject>(resource: Resource, object: object) => Promise.resolve(put(resource, object) as T),
      replace: <T extends KubeObject>(resource: Resource, object: T) => {
        const isStale = this.stored.get(resource.kind)?.metadata.resourceVersion !== object.metadata.resourceVersion;
        return isStale
          ? Promise.reject(new StoreError('Conflict', 'stale'))
          : Promise.resolve(put(resource, object) as T);
      },
      apply: <T extends KubeObject>(resource: Resource, object: object) => {
        const { annotations } = this.stored.get(resource.kind)?.metadata ?? {};
        const { metadata, ...rest } = object as KubeObject;
        const kept = annotations === undefined ? {} : { annotations };
        return Promise.resolve(put(resource, { ...rest, metadata: { ...metadata, ...kept } }) as T);
      },
    };
    return face as KubeObjects;
  }

  status(): KeyStatus {
    const { data } = this.stored.get('ConfigMap') as { data?: Record<string, string> };
    return KeyStatus.parse(JSON.parse(data?.['status.json'] ?? 'null'));
  }
}

interface World {
  readonly objects: Objects;
  readonly clock: ManualClock;
  readonly lines: readonly string[];
  manager: KeyManager;
  /** Keys that the PDP trusts and the key of what it serves: a fleet of one. */
  pdp: { trusts: readonly string[]; serves: string };
  changes: number;
  readonly look: () => Promise<void>;
  /** Another replica takes over. */
  readonly replaceLeader: () => Promise<void>;
}

async function start(): Promise<World> {
  const objects = new Objects();
  const clock = new ManualClock();
  const log = aLog();
  const face = objects.face();
  const make = (): KeyManager =>
    createKeyManager({
      store: createKeyStore(face, PLACE.namespace, PLACE.name, clock.now),
      objects: face,
      namespace: PLACE.namespace,
      statusName: PLACE.name,
      settings: { overlapMs: OVERLAP_MS },
      surroundings: (): KeySurroundings => ({
        use: (nextId) => ({
          lacking: nextId === undefined || world.pdp.trusts.includes(nextId) ? [] : ['shop/a'],
          silent: [],
          holders: new Map([[world.pdp.serves, ['PDP shop/a']]]),
        }),
        isSettled: () => true,
        isPublished: () => true,
      }),
      onChange: () => {
        world.changes += 1;
      },
      clock,
      log,
    });
  const world: World = {
    objects,
    clock,
    lines: log.lines,
    manager: undefined as unknown as KeyManager,
    pdp: { trusts: [], serves: '' },
    changes: 0,
    look: () => clock.advance(KEY_LOOK_MS),
    replaceLeader: async () => {
      world.manager.stop();
      world.manager = make();
      await world.manager.start();
    },
  };
  world.manager = make();
  await world.manager.start();
  const first = world.manager.signer.key()?.keyId ?? '';
  world.pdp = { trusts: [first], serves: first };
  return world;
}

const trustedIds = ({ manager }: World): readonly string[] => [...parseTrustedKeys(manager.trusted()).keys()].sort();
const signs = ({ manager }: World): string | undefined => manager.signer.key()?.keyId;

test('a rotation: announced, trusted, signing, and the old key forgotten when nothing rests on it', async () => {
  const world = await start();
  const first = signs(world) ?? '';
  await world.look();
  expect(world.objects.status()).toMatchObject({ phase: 'Steady', keys: [{ keyId: first, role: 'Signing' }] });

  world.objects.annotate({ [ROTATE_ANNOTATION]: 'now, ann' });
  await world.look();
  const [next] = trustedIds(world).filter((id) => id !== first);
  expect(next).toBeDefined();
  expect(signs(world)).toBe(first);
  expect(world.objects.status()).toMatchObject({ phase: 'Announced' });
  expect(world.objects.status().waitsFor).toContain(`PDP shop/a does not trust key ${next} yet`);

  await world.clock.advance(OVERLAP_MS * 3);
  expect(signs(world)).toBe(first);
  world.pdp.trusts = [first, next ?? ''];
  await world.look();
  expect(signs(world)).toBe(next);
  expect(world.manager.signer.standingOf(first)).toBe('Retiring');
  expect(world.manager.signer.standingOf(next ?? '')).toBe('Good');

  await world.clock.advance(OVERLAP_MS * 3);
  expect(trustedIds(world)).toEqual([first, next ?? ''].sort());
  expect(world.objects.status()).toMatchObject({ phase: 'Retiring', waitsFor: [`PDP shop/a rests on key ${first}`] });
  world.pdp.serves = next ?? '';
  await world.look();
  expect(trustedIds(world)).toEqual([next]);
  expect(world.objects.status()).toMatchObject({ phase: 'Steady' });
  // The wish is answered: no other rotation begins.
  await world.clock.advance(OVERLAP_MS * 3);
  expect(trustedIds(world)).toEqual([next]);
});

test('a new leader goes on where the one before ended', async () => {
  const world = await start();
  const first = signs(world) ?? '';
  world.objects.annotate({ [ROTATE_ANNOTATION]: 'now, ann' });
  await world.look();
  const known = trustedIds(world);
  await world.replaceLeader();
  expect(trustedIds(world)).toEqual(known);
  expect(signs(world)).toBe(first);
  world.pdp.trusts = known;
  await world.clock.advance(OVERLAP_MS);
  expect(signs(world)).not.toBe(first);
  const second = signs(world);
  await world.replaceLeader();
  expect(signs(world)).toBe(second);
  expect(world.manager.signer.standingOf(first)).toBe('Retiring');
});

test('a key that is revoked while it signs: nothing is signed until PDPs trust another, and a new leader knows it from the start', async () => {
  const world = await start();
  const first = signs(world) ?? '';
  await world.look();
  world.objects.annotate({ [REVOKE_ANNOTATION]: first });
  await world.look();
  expect(signs(world)).toBeUndefined();
  expect(trustedIds(world)).not.toContain(first);
  expect(world.objects.status()).toMatchObject({ phase: 'Revoking' });
  await world.replaceLeader();
  expect(signs(world)).toBeUndefined();
  world.pdp.trusts = trustedIds(world);
  await world.look();
  expect(signs(world)).toBe(trustedIds(world)[0]);
  expect(world.manager.signer.standingOf(first)).toBe('Revoked');
});

test('a Secret that somebody else has written in the meantime is read again', async () => {
  const world = await start();
  const before = signs(world);
  const other = generateSigningKey();
  const secret = world.objects.stored.get('Secret');
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const data = {
    'private.pem': encode(other.privateKey),
    'public.pem': encode(other.publicKey),
    'opa.pem': encode(generateOpaSigningKey().privateKey),
    'by.hand': encode('stays'),
  };
  world.objects.stored.set('Secret', { ...(secret as KubeObject), data });
  world.objects.annotate({ [ROTATE_ANNOTATION]: 'now' });
  await world.look();
  expect(signs(world)).toBe(other.keyId);
  expect(signs(world)).not.toBe(before);
  expect(world.changes).toBeGreaterThan(1);
  expect(world.objects.stored.get('Secret')).toHaveProperty(['data', 'by.hand'], encode('stays'));
});

test('without the right to the ConfigMap the keys go on signing, and that is said once', async () => {
  const world = await start();
  world.objects.mayReadConfigMaps = false;
  await world.replaceLeader();
  await world.clock.advance(KEY_LOOK_MS * 5);
  expect(signs(world)).toBeDefined();
  expect(world.lines.filter((line) => line.includes('were not looked after'))).toHaveLength(1);
});
