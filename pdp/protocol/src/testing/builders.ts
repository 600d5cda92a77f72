import type { SignedRevision } from '@edict/bundle';
import type { Digest } from '../identifiers.ts';
import type { ManifestSummary, Hello } from '../messages.ts';

/** A digest that a seed decides. */
export function aDigest(seed: number | string): Digest {
  const hex = Buffer.from(String(seed)).toString('hex');
  return `sha256:${hex.padStart(64, '0').slice(-64)}`;
}

/** A revision of `default/payments`; its digest follows from `n` unless given. */
export function aRevision(n: number, change: Partial<SignedRevision> = {}): SignedRevision {
  return {
    set: 'default/payments',
    setUid: 'uid-1',
    n,
    digest: aDigest(n),
    parent: n - 1,
    reason: 'Spec',
    createdAt: new Date(1_700_000_000_000 + n * 1000).toISOString(),
    keyId: 'key-1',
    signature: 'c2lnbmF0dXJl',
    ...change,
  };
}

/** A manifest of two bundles, of which one changes with `n`. */
export function aManifest(n: number, change: Partial<ManifestSummary> = {}): ManifestSummary {
  return {
    bundles: [aDigest('common'), aDigest(`bundle-${n}`)],
    totalBytes: 1000,
    features: [],
    engineMin: '0.1.0',
    ...change,
  };
}

/** What a PDP that starts with nothing says first. */
export const FRESH_HELLO: Hello = {
  type: 'Hello',
  protocol: 1,
  engine: { name: 'edict', version: '1.0.0', features: [] },
  sets: [],
  bootReason: 'Fresh',
  capacityBytes: 0,
};
