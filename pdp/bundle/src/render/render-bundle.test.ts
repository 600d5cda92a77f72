import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { aDomain, anAnnotation, aPolicy, aRole } from '../fixtures.ts';
import { Unencodable } from '../model.ts';
import { parseBundle } from './parse-bundle.ts';
import { bundleRoot, renderBundle, RENDERER_VERSION } from './render-bundle.ts';
import { readTar, writeTar } from './tar.ts';
import type { DomainModel } from '../model.ts';

const shop = aDomain({
  libraries: [aPolicy({ mrn: 'mrn:library:hours', rego: 'package hours\n\nopen { true }\n' })],
  policies: [
    aPolicy({
      mrn: 'mrn:policy:open',
      rego: 'package authz\n\nimport data.hours\n\nallow { hours.open }\n',
      dependencies: ['mrn:library:hours'],
    }),
    aPolicy({ mrn: 'mrn:policy:far', dependencies: ['base/mrn:library:time'] }),
  ],
  roles: [
    aRole({ annotations: [anAnnotation('a', 1n), anAnnotation('b', 1), anAnnotation('c', new Unencodable('.inf'))] }),
  ],
  operations: [{ name: 'all', selector: ['.*'], policy: 'mrn:policy:open' }],
  mappers: [{ name: 'http', selector: ['.*'], rego: 'package mapper\n\nporc = input\n' }],
});
const bundle = renderBundle(shop);
const files = readTar(bundle.tar);
const textOf = (name: string): string => new TextDecoder().decode(files.get(name));

test('the digest of a given domain never changes while the renderer has its version', () => {
  expect([RENDERER_VERSION, bundle.digest]).toEqual([
    1,
    'sha256:e2db338ce7b1739fbd917c21b22bd1ac83fdc15217286faf536e4ee85b84fe6c',
  ]);
});

test('the digest is that of the archive, and the archive travels compressed', () => {
  expect(digestOf(bundle.tar)).toBe(bundle.digest);
  expect(new Uint8Array(gunzipSync(bundle.gzip))).toEqual(bundle.tar);
  expect([bundle.size, bundle.gzSize]).toEqual([bundle.tar.length, bundle.gzip.length]);
  // Neither time nor operating system.
  expect([...bundle.gzip.subarray(4, 8), bundle.gzip[9]]).toEqual([0, 0, 0, 0, 255]);
});

test('each policy and mapper stands below a prefix of its own', () => {
  expect([...files.keys()]).toEqual([
    '.manifest',
    'data.json',
    'mapper/000001/000000.rego',
    'policy/000000/000000.rego',
    'policy/000000/000001.rego',
  ]);
  const prefix = 'edict.shop.policies["mrn:policy:open"]';
  expect(textOf('policy/000000/000000.rego')).toContain(`package ${prefix}.authz\n`);
  expect(textOf('policy/000000/000000.rego')).toContain(`import data.${prefix}.hours\n`);
  expect(textOf('policy/000000/000001.rego')).toContain(`package ${prefix}.hours\n`);
});

test('the manifest names the root, the entry points, and what had to stay away', () => {
  expect(JSON.parse(textOf('.manifest'))).toMatchObject({
    roots: ['edict/shop'],
    rego_version: 0,
    metadata: {
      edict: {
        domain: 'shop',
        rendererVersion: 1,
        entrypoints: [
          { kind: 'policy', path: ['edict', 'shop', 'policies', 'mrn:policy:open', 'authz', 'allow'] },
          { kind: 'mapper', path: ['edict', 'shop', 'mappers', '0', 'mapper', 'porc'] },
        ],
        omitted: [{ id: 'mrn:policy:far' }],
      },
    },
  });
});

test('a bundle is read back as the domain that it was made of', () => {
  expect(parseBundle(bundle.gzip, { digest: bundle.digest })).toStrictEqual(shop);
});

test('base documents stand beside the model, numbers as they were written, and are read back as they were', () => {
  const data = '{"limits":{"big":1e400,"low":1.10},"model":[],"names":["\u2028","é"]}';
  const withData = { ...shop, data };
  const { gzip, digest, tar } = renderBundle(withData);
  const text = new TextDecoder().decode(readTar(tar).get('data.json'));
  expect(text.startsWith(`{"edict":{"shop":{"data":${data},"format":1,"model":`)).toBe(true);
  expect(parseBundle(gzip, { digest })).toStrictEqual(withData);
  expect(digest).not.toBe(bundle.digest);
});

test('the order of members does not matter, the order of lists does', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(Object.keys(shop), { minLength: Object.keys(shop).length }), (keys) => {
      const shuffled = Object.fromEntries(keys.map((key) => [key, shop[key as keyof DomainModel]]));
      expect(renderBundle(shuffled as unknown as DomainModel).digest).toBe(bundle.digest);
    }),
    { numRuns: 20 },
  );
  expect(renderBundle({ ...shop, policies: shop.policies.toReversed() }).digest).not.toBe(bundle.digest);
});

test.each([
  ['shop', 'shop'],
  ['sales.shop-2', 'sales.shop-2'],
  ['a/b', 'x-612f62'],
  ['', 'x-'],
  ['x-61', 'x-782d3631'],
  ['.shop', 'x-2e73686f70'],
])('domain %p has its place at edict/%s', (name, key) => {
  expect(bundleRoot(name)).toEqual(['edict', key]);
});

test('domains that render to too much are refused', () => {
  expect(() => renderBundle(shop, { maxBytes: bundle.size - 1 })).toThrow(
    expect.objectContaining({ code: 'too-large' }),
  );
  expect(() => renderBundle(shop, { maxGzipBytes: bundle.gzSize - 1 })).toThrow(
    expect.objectContaining({ code: 'too-large' }),
  );
  expect(renderBundle(shop, { maxBytes: bundle.size, maxGzipBytes: bundle.gzSize }).digest).toBe(bundle.digest);
});

test('Rego that does not parse is refused with its place', () => {
  const broken = aDomain({ policies: [aPolicy({ mrn: 'p', rego: 'package authz\n\nallow {\n' })] });
  expect(() => renderBundle(broken)).toThrow(expect.objectContaining({ code: 'rego-parse' }));
});

const packed = (entries: Readonly<Record<string, string>>) => {
  const encoder = new TextEncoder();
  const tar = writeTar(Object.entries(entries).map(([name, text]) => ({ name, content: encoder.encode(text) })));
  return { gzip: gzipSync(tar), digest: digestOf(tar) };
};
const manifestText = textOf('.manifest');
const dataText = textOf('data.json');
const newer = manifestText.replace('"rendererVersion":1', '"rendererVersion":2');

test.each<[string, Uint8Array, Parameters<typeof parseBundle>[1], string]>([
  ['another digest', bundle.gzip, { digest: digestOf('x') }, 'digest-mismatch'],
  ['bytes that are not gzip', new Uint8Array([1, 2, 3]), { digest: bundle.digest }, 'bad-gzip'],
  ['a stream that was cut off', bundle.gzip.subarray(0, 100), { digest: bundle.digest }, 'bad-gzip'],
  ['more bytes than allowed', bundle.gzip, { digest: bundle.digest, maxGzipBytes: 100 }, 'too-large'],
  [
    'more bytes than allowed once inflated',
    gzipSync(new Uint8Array(1_000_000)),
    { digest: bundle.digest, maxBytes: 999_999 },
    'too-large',
  ],
  ['an archive that is none', gzipSync('x'), { digest: digestOf('x') }, 'bad-tar'],
])('%s is refused', (_name, gzip, options, code) => {
  expect(() => parseBundle(gzip, options)).toThrow(expect.objectContaining({ code }));
});

test.each([
  ['no manifest', { 'data.json': dataText }, 'missing-file'],
  ['no data', { '.manifest': manifestText }, 'missing-file'],
  ['a manifest that is no JSON', { '.manifest': '{', 'data.json': dataText }, 'bad-manifest'],
  ['a manifest of somebody else', { '.manifest': '{"roots":[""]}', 'data.json': dataText }, 'bad-manifest'],
  ['a newer format', { '.manifest': newer, 'data.json': dataText }, 'unsupported-format'],
  ['data that is no JSON', { '.manifest': manifestText, 'data.json': '{' }, 'bad-data'],
  ['data of two domains', { '.manifest': manifestText, 'data.json': '{"edict":{"a":{},"b":{}}}' }, 'bad-data'],
  [
    'base documents that are no object',
    { '.manifest': manifestText, 'data.json': dataText.replace('"format"', '"data":[],"format"') },
    'bad-data',
  ],
  [
    'a domain at the place of another',
    { '.manifest': manifestText, 'data.json': dataText.replace('"shop"', '"shed"') },
    'bad-data',
  ],
])('a bundle with %s is refused', (_name, entries, code) => {
  const { gzip, digest } = packed(entries);
  expect(() => parseBundle(gzip, { digest })).toThrow(expect.objectContaining({ code }));
});

test('the data is canonical', () => {
  expect(canonicalJson(JSON.parse(dataText))).toBe(dataText);
});
