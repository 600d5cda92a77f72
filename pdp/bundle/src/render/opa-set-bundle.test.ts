import { createHash, createPublicKey, verify } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { canonicalJson } from '../canonical-json.ts';
import { aDomain, aPolicy } from '../fixtures.ts';
import { createManifest, manifestDigest, type Manifest } from '../manifest.ts';
import { generateSigningKey } from '../signature.ts';
import { generateOpaSigningKey, opaSigningKeyOf } from './opa-signature.ts';
import { opaRevisionText, parseOpaRevision, renderOpaSetBundle } from './opa-set-bundle.ts';
import { renderBundle } from './render-bundle.ts';
import { readTar } from './tar.ts';
import type { DomainModel } from '../model.ts';

const key = generateOpaSigningKey();

function manifestOf(domains: readonly DomainModel[], serving: Manifest['serving'] = {}): Manifest {
  return createManifest({
    setUid: 'uid-1',
    engineMin: '0.1.0',
    policies: 1,
    serving,
    domains: domains.map((domain) => {
      const { digest, size, gzSize } = renderBundle(domain);
      return { namespace: 'shop', name: domain.name, uid: `uid-${domain.name}`, generation: 1, digest, size, gzSize };
    }),
  });
}

function render(domains: readonly DomainModel[], serving?: Manifest['serving']): ReadonlyMap<string, Uint8Array> {
  const manifest = manifestOf(domains, serving);
  const archives = new Map(domains.map((domain) => [renderBundle(domain).digest, renderBundle(domain).tar]));
  return readTar(
    renderOpaSetBundle({ set: 'shop/main', n: 7, digest: manifestDigest(manifest), manifest, archives, key }),
  );
}

const textOf = (files: ReadonlyMap<string, Uint8Array>, name: string): string =>
  new TextDecoder().decode(files.get(name));
const jsonOf = (files: ReadonlyMap<string, Uint8Array>, name: string): unknown => JSON.parse(textOf(files, name));

const prices = aDomain({
  name: 'prices',
  data: canonicalJson({ limits: { day: 2500 } }).replace('2500', '2500.00'),
  libraries: [
    aPolicy({ mrn: 'mrn:library:prices', rego: 'package prices\n\nallow { input.amount < data.limits.day }\n' }),
  ],
});
const rooms = aDomain({
  name: 'rooms',
  policies: [aPolicy({ mrn: 'mrn:policy:enter', rego: 'package authz\n\nallow { input.ok }\n' })],
  operations: [{ name: 'all', selector: ['.*'], policy: 'mrn:policy:enter' }],
});

test('every domain has its own root, and the revision names set and number', () => {
  const files = render([prices, rooms]);
  expect(jsonOf(files, '.manifest')).toMatchObject({
    revision: 'shop/main@7',
    roots: ['edict/prices', 'edict/rooms'],
    rego_version: 0,
    metadata: {
      edict: {
        set: 'shop/main',
        setUid: 'uid-1',
        n: 7,
        domains: [
          { name: 'prices', entrypoints: [] },
          {
            name: 'rooms',
            entrypoints: [
              { kind: 'policy', path: ['edict', 'rooms', 'policies', 'mrn:policy:enter', 'authz', 'allow'] },
            ],
          },
        ],
      },
    },
  });
  expect([...files.keys()]).toEqual([
    '.manifest',
    '.signatures.json',
    'data.json',
    'domain/000001/policy/000000/000000.rego',
  ]);
  expect(jsonOf(files, 'data.json')).toMatchObject({ edict: { prices: { format: 1 }, rooms: { format: 1 } } });
});

test('numbers of base documents stay as they are written', () => {
  expect(textOf(render([prices, rooms]), 'data.json')).toContain('"day":2500.00');
});

test('documents of a set are at the paths that PDPs serve them at', () => {
  const files = render([prices, rooms], { documents: { policies: ['mrn:policy:enter'] } });
  expect(jsonOf(files, '.manifest')).toMatchObject({
    roots: ['authz', 'edict/prices', 'edict/rooms', 'limits', 'prices'],
  });
  expect(textOf(files, 'data.json')).toMatch(/,"limits":\{"day":2500\.00\}\}$/);
  expect(textOf(files, 'documents/000000.rego')).toContain('package prices\n');
  expect(textOf(files, 'documents/000001.rego')).toContain('package authz\n');
});

test.each([
  ['a package below edict', { libraries: [aPolicy({ mrn: 'mrn:library:x', rego: 'package edict.x\n\ny = 1\n' })] }],
  ['a package below system', { libraries: [aPolicy({ mrn: 'mrn:library:x', rego: 'package system.x\n\ny = 1\n' })] }],
  ['a base document with a slash in its name', { data: '{"a/b":1}' }],
])('documents with %s are left out, and the manifest says so', (_what, parts) => {
  const files = render([aDomain({ name: 'odd', ...parts })], { documents: { policies: [] } });
  expect(jsonOf(files, '.manifest')).toMatchObject({
    roots: ['edict/odd'],
    metadata: { edict: { documentsOmitted: expect.stringContaining('has no place in a bundle') } },
  });
});

test('the signature lists every file with its digest, names the set, and verifies with the public key', () => {
  const files = render([prices, rooms]);
  const { signatures } = jsonOf(files, '.signatures.json') as { signatures: readonly string[] };
  const [header = '', payload = '', signature = ''] = signatures[0]?.split('.') ?? [];
  const decode = (text: string): unknown => JSON.parse(Buffer.from(text, 'base64url').toString());
  expect(decode(header)).toEqual({ alg: 'ES256', typ: 'JWT', kid: key.keyId });
  const claims = decode(payload) as { readonly files: readonly { readonly name: string; readonly hash: string }[] };
  expect(claims).toMatchObject({ scope: 'shop/main' });
  expect(claims.files.map(({ name }) => name)).toEqual([
    '.manifest',
    'data.json',
    'domain/000001/policy/000000/000000.rego',
  ]);
  const module = files.get('domain/000001/policy/000000/000000.rego') ?? new Uint8Array();
  expect(claims.files[2]?.hash).toBe(createHash('sha256').update(module).digest('hex'));
  const publicKey = { key: createPublicKey(key.publicKey), dsaEncoding: 'ieee-p1363' } as const;
  const signed = Buffer.from(`${header}.${payload}`);
  expect(verify('sha256', signed, publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
});

test('an archive that is missing or another than the manifest names is refused', () => {
  const manifest = manifestOf([rooms]);
  const digest = manifestDigest(manifest);
  const input = { set: 'shop/main', n: 1, digest, manifest, key };
  expect(() => renderOpaSetBundle({ ...input, archives: new Map() })).toThrow(/domain 'rooms' is missing/);
  const [domain] = manifest.domains;
  const wrong = new Map(domain === undefined ? [] : [[domain.digest, renderBundle(prices).tar]]);
  expect(() => renderOpaSetBundle({ ...input, archives: wrong })).toThrow(/and not sha256:/);
});

test('a key of another kind signs nothing', () => {
  expect(() => opaSigningKeyOf(generateSigningKey().privateKey)).toThrow('not one of ECDSA over P-256');
  expect(() => opaSigningKeyOf('none')).toThrow('not PEM');
  expect(opaSigningKeyOf(key.privateKey)).toEqual(key);
});

test.each([
  ['shop/main@7', { set: 'shop/main', n: 7 }],
  ['shop/main@0', undefined],
  ['shop/main', undefined],
  ['https://x/y@7', undefined],
  ['shop/main@7@8', undefined],
])('the revision text %s', (text, expected) => {
  expect(parseOpaRevision(text)).toEqual(expected);
  if (expected !== undefined) expect(opaRevisionText(expected.set, expected.n)).toBe(text);
});
