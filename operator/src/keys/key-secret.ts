import { keyIdOf, type SigningKey } from '@edict/bundle';
import type { HeldKey, KeyState, RetiringKey } from './key-plan.ts';

/** The data of the Secret, decoded: member to text. */
export type SecretTexts = Readonly<Record<string, string>>;

const PUBLIC_KEY = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----\n?/g;

/**
 * The state that a Secret holds. Secrets of versions that knew no rotation have `private.pem`, `public.pem` and perhaps
 * `trusted.pem` only: their key is as old as the Secret. Undefined if there is no key pair in it.
 * @throws SignatureError for a key that cannot be read
 */
export function readKeyState(texts: SecretTexts, createdAtMs: number): KeyState | undefined {
  const current = pairOf(texts['private.pem'], texts['public.pem'], texts['since'], createdAtMs);
  if (current === undefined) return undefined;
  const next = pairOf(texts['next-private.pem'], texts['next-public.pem'], texts['next-since'], createdAtMs);
  const retiring = readRetiring(texts['retiring.json']);
  const own = new Set([current.keyId, next?.keyId, ...retiring.map(({ keyId }) => keyId)]);
  // The own ones are among them for operators of earlier versions, which trust what is there and nothing else.
  const further = (texts['trusted.pem']?.match(PUBLIC_KEY) ?? []).filter((pem) => !own.has(keyIdOf(pem)));
  const handled = texts['handled-request'];
  return {
    current,
    ...(next === undefined ? {} : { next }),
    retiring,
    further,
    ...(handled === undefined ? {} : { handled }),
  };
}

/** The members of the Secret that hold the state. Members that are not among them are nobody's but their writer's. */
export function writeKeyState({ current, next, retiring, further, handled }: KeyState): SecretTexts {
  const trusted = [...(next === undefined ? [] : [next]), ...retiring].map(({ publicKey }) => publicKey);
  return {
    'private.pem': current.privateKey,
    'public.pem': current.publicKey,
    since: String(current.sinceMs),
    'trusted.pem': [...trusted, ...further].map((pem) => `${pem.trim()}\n`).join(''),
    ...(next === undefined
      ? {}
      : { 'next-private.pem': next.privateKey, 'next-public.pem': next.publicKey, 'next-since': String(next.sinceMs) }),
    ...(retiring.length === 0 ? {} : { 'retiring.json': JSON.stringify(retiring) }),
    ...(handled === undefined ? {} : { 'handled-request': handled }),
  };
}

/** The members that {@link writeKeyState} may write: those that it did not write this time are to go. */
export const KEY_MEMBERS = [
  'private.pem',
  'public.pem',
  'since',
  'trusted.pem',
  'next-private.pem',
  'next-public.pem',
  'next-since',
  'retiring.json',
  'handled-request',
] as const;

/** A new key pair as the state of a Secret that holds nothing else. */
export function firstKeyState(key: SigningKey, nowMs: number): KeyState {
  return { current: { ...key, sinceMs: nowMs }, retiring: [], further: [] };
}

function pairOf(
  privateKey: string | undefined,
  publicKey: string | undefined,
  since: string | undefined,
  otherwiseMs: number,
): HeldKey | undefined {
  if (privateKey === undefined || privateKey === '' || publicKey === undefined || publicKey === '') return undefined;
  return { keyId: keyIdOf(publicKey), privateKey, publicKey, sinceMs: timeOf(since) ?? otherwiseMs };
}

function readRetiring(text: string | undefined): readonly RetiringKey[] {
  if (text === undefined) return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new Error('retiring.json is not JSON', { cause });
  }
  if (!Array.isArray(parsed)) throw new Error('retiring.json is not a list');
  return parsed.map((entry: { readonly publicKey?: unknown; readonly sinceMs?: unknown }) => {
    const { publicKey, sinceMs } = entry;
    if (typeof publicKey !== 'string' || typeof sinceMs !== 'number') {
      throw new Error('retiring.json holds an entry without publicKey and sinceMs');
    }
    return { keyId: keyIdOf(publicKey), publicKey, sinceMs };
  });
}

function timeOf(text: string | undefined): number | undefined {
  const number = Number(text);
  return text === undefined || !Number.isSafeInteger(number) ? undefined : number;
}
