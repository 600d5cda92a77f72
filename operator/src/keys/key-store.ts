import { generateOpaSigningKey, generateSigningKey, opaSigningKeyOf, type OpaSigningKey } from '@edict/bundle';
import { isStoreError } from '../store/errors.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';
import type { KeyState } from './key-plan.ts';
import { firstKeyState, KEY_MEMBERS, readKeyState, writeKeyState } from './key-secret.ts';

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** What the Secret held when it was read. */
export interface StoredKeys {
  readonly state: KeyState;
  /** Signs bundles for stock OPA, which takes no Ed25519. */
  readonly opa: OpaSigningKey;
  /** For {@link KeyStore.write}. */
  readonly secret: Secret;
}

/** The signing keys in their Secret, which all replicas share. */
export interface KeyStore {
  /**
   * Reads them; whichever replica comes first makes them. A Secret without a signing key is an error and is never replaced:
   * PDPs trust what was in it. A missing `opa.pem` is added: Secrets of earlier versions have none.
   */
  readonly read: () => Promise<StoredKeys>;
  /** Writes a state in the place of what was read. Throws `Conflict` if another has written since. */
  readonly write: (read: StoredKeys, state: KeyState) => Promise<void>;
}

const OPA_KEY = 'opa.pem';
/** Replicas that start together collide on the first write; each then reads what the winner wrote. */
const TRIES = 5;

/** The Secret of that name; nothing is read before it is asked for. */
export function createKeyStore(objects: KubeObjects, namespace: string, name: string, nowMs: () => number): KeyStore {
  const find = (): Promise<Secret | undefined> => objects.get<Secret>(RESOURCES.Secret, { namespace, name });

  const make = async (): Promise<Secret | undefined> => {
    const data = encoded({
      ...writeKeyState(firstKeyState(generateSigningKey(), nowMs())),
      [OPA_KEY]: generateOpaSigningKey().privateKey,
    });
    const metadata = { namespace, name, labels: { 'app.kubernetes.io/managed-by': 'edict-operator' } };
    try {
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data };
      return await objects.create<Secret>(RESOURCES.Secret, secret);
    } catch (error) {
      if (isStoreError(error, 'AlreadyExists')) return undefined;
      throw error;
    }
  };

  const withOpaKey = async (secret: Secret): Promise<Secret | undefined> => {
    if (secret.data?.[OPA_KEY] !== undefined) return secret;
    const data = { ...secret.data, ...encoded({ [OPA_KEY]: generateOpaSigningKey().privateKey }) };
    try {
      return await objects.replace<Secret>(RESOURCES.Secret, { ...secret, data });
    } catch (error) {
      if (isStoreError(error, 'Conflict')) return undefined;
      throw error;
    }
  };

  return {
    read: async () => {
      for (let attempt = 1; attempt <= TRIES; attempt += 1) {
        const found = (await find()) ?? (await make());
        const secret = found === undefined ? undefined : await withOpaKey(found);
        if (secret !== undefined) return storedKeys(secret);
      }
      throw new Error(`secret ${namespace}/${name} is being written by others all the time`);
    },
    write: async ({ secret }, state) => {
      const kept = Object.entries(secret.data ?? {}).filter(([member]) => !OWN_MEMBERS.has(member));
      const data = { ...Object.fromEntries(kept), ...encoded(writeKeyState(state)) };
      await objects.replace<Secret>(RESOURCES.Secret, { ...secret, data });
    },
  };
}

const OWN_MEMBERS: ReadonlySet<string> = new Set(KEY_MEMBERS);

function storedKeys(secret: Secret): StoredKeys {
  const { metadata, data = {} } = secret;
  const texts = Object.fromEntries(
    Object.entries(data).map(([member, text]) => [member, Buffer.from(text, 'base64').toString()]),
  );
  const place = `secret ${metadata.namespace ?? ''}/${metadata.name}`;
  let state: KeyState | undefined;
  try {
    state = readKeyState(texts, Date.parse(metadata.creationTimestamp ?? '') || 0);
  } catch (cause) {
    throw new Error(`${place} holds keys that cannot be read: restore it, or delete it to get a new key`, { cause });
  }
  if (state === undefined) {
    throw new Error(
      `${place} holds no signing key (private.pem, public.pem): restore it, or delete it to get a new one`,
    );
  }
  return { state, opa: opaSigningKeyOf(texts[OPA_KEY] ?? ''), secret };
}

function encoded(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(texts).map(([member, text]) => [member, Buffer.from(text).toString('base64')]),
  );
}
