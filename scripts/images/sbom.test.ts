import path from 'node:path';
import { expect, test } from '@jest/globals';
import { npmComponents, sbomOf, type Component } from './sbom.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const component = (name: string): Component => ({
  name,
  version: '1.0.0',
  license: 'MIT',
  purl: `pkg:npm/${name}@1.0.0`,
});

test('each package is named once, whatever files of it are used', async () => {
  const files = ['node_modules/zod/index.js', 'node_modules/zod/v4/core/core.js', 'pdp/server/src/main.ts'];
  expect(await npmComponents(ROOT, files)).toStrictEqual([
    expect.objectContaining({ name: 'zod', license: 'MIT', purl: expect.stringMatching(/^pkg:npm\/zod@\d/) }),
  ]);
});

test('a scope is escaped', async () => {
  const [found] = await npmComponents(ROOT, ['node_modules/@opentelemetry/api/build/src/index.js']);
  expect(found?.purl).toMatch(/^pkg:npm\/%40opentelemetry\/api@\d/);
});

test('equal components make equal bills in any order, others another name', () => {
  const [a, b] = [component('a'), component('b')];
  expect(sbomOf('edict-pdp:1', [a, b])).toBe(sbomOf('edict-pdp:1', [b, a]));
  const namespaceOf = (text: string): unknown => (JSON.parse(text) as Record<string, unknown>)['documentNamespace'];
  expect(namespaceOf(sbomOf('edict-pdp:1', [a]))).not.toBe(namespaceOf(sbomOf('edict-pdp:1', [a, b])));
});

test('a bill has a package and a relationship for each component', () => {
  const bill = JSON.parse(sbomOf('edict-pdp:1', [component('a'), component('b')])) as {
    readonly packages: readonly { readonly SPDXID: string }[];
    readonly relationships: readonly { readonly relatedSpdxElement: string }[];
  };
  expect(bill).toMatchObject({ spdxVersion: 'SPDX-2.3', packages: [{ name: 'a' }, { name: 'b' }] });
  expect(bill.relationships.map(({ relatedSpdxElement }) => relatedSpdxElement)).toStrictEqual(
    bill.packages.map(({ SPDXID }) => SPDXID),
  );
});
