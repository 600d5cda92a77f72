import { expect, test } from '@jest/globals';
import { Serving } from '@edict/crds';
import { canonicalJson } from './canonical-json.ts';
import { CONSISTENCY_DEFAULTS } from './consistency.ts';
import { digestOf } from './digest.ts';
import { createManifest, MANIFEST_MAX_DOMAINS, manifestDigest } from './manifest.ts';
import { MANIFEST_MAX_BYTES, parseManifest } from './parse-manifest.ts';
import type { ManifestDomain } from './manifest.ts';

const domain = (name: string): ManifestDomain => {
  const identity = { namespace: 'sales', name, uid: `uid-${name}`, generation: 3 };
  return { ...identity, digest: digestOf(name), size: 4096, gzSize: 900 };
};
const input = { setUid: 'uid-set', engineMin: '0.1.0', domains: [domain('shop'), domain('base')], policies: 7 };
const manifest = createManifest({ ...input, features: ['rego-v1', 'mappers', 'mappers'] });
const bytesOf = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : canonicalJson(value));

test('features are sorted without repetitions and sizes are summed', () => {
  expect(manifest).toMatchObject({ features: ['mappers', 'rego-v1'], tests: [], totals: { bytes: 8192, policies: 7 } });
});

test('the digest is the same for equal manifests and another for another order of domains', () => {
  const { totals, features, ...rest } = manifest;
  expect(manifestDigest({ features, ...rest, totals })).toBe(manifestDigest(manifest));
  const swapped = createManifest({ ...input, domains: input.domains.toReversed() });
  expect(manifestDigest(swapped)).not.toBe(manifestDigest(createManifest(input)));
});

test('the digest of a given manifest never changes', () => {
  expect(manifestDigest(manifest)).toBe('sha256:e9c616a0de438abc95335162e9499db0222e7aa1a98173f8cc6e6ee0fdeb101e');
});

test('reads what was printed', () => {
  expect(parseManifest(bytesOf(manifest))).toEqual(manifest);
});

const serving = Serving.parse({ documents: { policies: ['mrn:policy:a'] }, envoy: { rule: 'shop/entry' } });

test('how the set is served is part of the manifest, and of its digest', () => {
  const served = createManifest({ ...input, serving });
  expect(parseManifest(bytesOf(served))).toEqual(served);
  expect(manifestDigest(served)).not.toBe(manifestDigest(createManifest(input)));
  expect(parseManifest(bytesOf(createManifest({ ...input, serving: {} })))).toHaveProperty('serving', {});
  expect(parseManifest(bytesOf(createManifest(input)))).not.toHaveProperty('serving');
});

const consistency = { ...CONSISTENCY_DEFAULTS, mode: 'Strict', onStale: 'NotReady' } as const;

test('what the set promises is part of the manifest, and of its digest', () => {
  const strict = createManifest({ ...input, consistency });
  expect(parseManifest(bytesOf(strict))).toEqual(strict);
  expect(manifestDigest(strict)).not.toBe(manifestDigest(createManifest(input)));
  expect(parseManifest(bytesOf(createManifest(input)))).not.toHaveProperty('consistency');
});

test.each<[string, unknown, string]>([
  ['a promise of another mode', { ...manifest, consistency: { ...consistency, mode: 'Loose' } }, 'bad-field'],
  [
    'a lease shorter than heartbeats allow',
    { ...manifest, consistency: { ...consistency, leaseMs: 4999 } },
    'bad-field',
  ],
  ['a lease without end', { ...manifest, consistency: { ...consistency, leaseMs: 3_600_001 } }, 'bad-field'],
  ['an unknown act when stale', { ...manifest, consistency: { ...consistency, onStale: 'Hope' } }, 'bad-field'],
  ['an unknown act at boot', { ...manifest, consistency: { ...consistency, onBoot: 'Guess' } }, 'bad-field'],
  [
    'an unknown act when cut off',
    { ...manifest, consistency: { ...consistency, onControlPlaneLoss: '' } },
    'bad-field',
  ],
  ['a promise with what nobody knows', { ...manifest, consistency: { ...consistency, later: 1 } }, 'not-canonical'],
  ['a promise that is no object', { ...manifest, consistency: 'Strict' }, 'bad-field'],
  ['serving that is no object', { ...manifest, serving: [] }, 'bad-field'],
  ['serving by rules without documents', { ...manifest, serving: { opa: { defaultDecision: 'a' } } }, 'bad-field'],
  ['serving without its defaults', { ...manifest, serving: { documents: {} } }, 'not-canonical'],
  ['serving with what nobody knows', { ...manifest, serving: { ...serving, later: 1 } }, 'not-canonical'],
  ['text that is not JSON', '{', 'not-json'],
  ['JSON with spaces', JSON.stringify(manifest, null, 1), 'not-canonical'],
  ['an unknown member', { ...manifest, extra: 1 }, 'unsupported-format'],
  ['a missing member', { ...manifest, tests: undefined }, 'bad-field'],
  ['a size that is not a count', { ...manifest, domains: [{ ...domain('shop'), size: -1 }] }, 'bad-field'],
  ['a digest of another form', { ...manifest, domains: [{ ...domain('shop'), digest: 'sha256:1' }] }, 'bad-field'],
  ['a list in place of the manifest', [], 'bad-field'],
])('refuses %s', (_name, value, code) => {
  expect(() => parseManifest(bytesOf(value))).toThrow(expect.objectContaining({ code }));
});

test('refuses manifests that are too large before reading them', () => {
  expect(() => parseManifest(new Uint8Array(MANIFEST_MAX_BYTES + 1))).toThrow(
    expect.objectContaining({ code: 'too-large' }),
  );
});

test('a manifest lists a bounded number of domains', () => {
  const domains = Array.from({ length: MANIFEST_MAX_DOMAINS + 1 }, () => domain('shop'));
  expect(() => createManifest({ ...input, domains })).toThrow('at most 10000 domains');
});
