import {
  formatTrustedKeys,
  generateOpaSigningKey,
  generateSigningKey,
  keyIdOf,
  opaSigningKeyOf,
  type OpaSigningKey,
  type SigningKey,
} from '@edict/bundle';
import { isStoreError } from '../store/errors.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** The key that signs, and everything that PDPs are to trust. */
export interface SigningKeys {
  readonly current: SigningKey;
  /** The text of `keys.json`: the current key and those in `trusted.pem` of the Secret, for rotations. */
  readonly trusted: string;
  /** Signs bundles for stock OPA, which takes no Ed25519. */
  readonly opa: OpaSigningKey;
}

/**
 * The signing keys from their Secret (`private.pem`, `public.pem`, `opa.pem`, optionally `trusted.pem` with further public keys),
 * made by whichever replica comes first. A Secret that holds no signing key is an error and is never replaced: PDPs trust what was
 * in it. A missing `opa.pem` is added: Secrets of earlier versions have none.
 */
export async function loadSigningKeys(objects: KubeObjects, namespace: string, name: string): Promise<SigningKeys> {
  const found = await objects.get<Secret>(RESOURCES.Secret, { namespace, name });
  if (found !== undefined) return readKeys(await withOpaKey(objects, found));
  const made = generateSigningKey();
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name, labels: { 'app.kubernetes.io/managed-by': 'edict-operator' } },
    type: 'Opaque',
    data: {
      'private.pem': encode(made.privateKey),
      'public.pem': encode(made.publicKey),
      [OPA_KEY]: encode(generateOpaSigningKey().privateKey),
    },
  };
  try {
    return readKeys(await objects.create<Secret>(RESOURCES.Secret, secret));
  } catch (error) {
    if (!isStoreError(error, 'AlreadyExists')) throw error;
    const theirs = await objects.get<Secret>(RESOURCES.Secret, { namespace, name });
    if (theirs === undefined) throw error;
    return readKeys(await withOpaKey(objects, theirs));
  }
}

const OPA_KEY = 'opa.pem';
/** Replicas that start together collide on the first write; each then reads what the winner wrote. */
const ADD_TRIES = 5;

async function withOpaKey(objects: KubeObjects, found: Secret): Promise<Secret> {
  let secret = found;
  for (let attempt = 1; secret.data?.[OPA_KEY] === undefined; attempt += 1) {
    const data = { ...secret.data, [OPA_KEY]: encode(generateOpaSigningKey().privateKey) };
    try {
      return await objects.replace<Secret>(RESOURCES.Secret, { ...secret, data });
    } catch (error) {
      if (!isStoreError(error, 'Conflict') || attempt >= ADD_TRIES) throw error;
      const { namespace = '', name } = secret.metadata;
      const theirs = await objects.get<Secret>(RESOURCES.Secret, { namespace, name });
      if (theirs === undefined) throw error;
      secret = theirs;
    }
  }
  return secret;
}

function readKeys({ metadata, data = {} }: Secret): SigningKeys {
  const member = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  const privateKey = member('private.pem');
  const publicKey = member('public.pem');
  if (privateKey === '' || publicKey === '') {
    throw new Error(
      `secret ${metadata.namespace ?? ''}/${metadata.name} holds no signing key (private.pem, public.pem): restore it, or delete it to get a new one`,
    );
  }
  const further = member('trusted.pem').match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  return {
    current: { keyId: keyIdOf(publicKey), privateKey, publicKey },
    trusted: formatTrustedKeys([publicKey, ...further]),
    opa: opaSigningKeyOf(member(OPA_KEY)),
  };
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}
