import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { PROTO_FILES } from './gen/proto-files.ts';
import { protoRoutes } from './proto-routes.ts';
import { createRouter } from '../http/router.ts';
import { aRequest } from '../testing/requests.ts';

const folder = join(import.meta.dirname, '../../proto');

test('the generated texts are those of proto/', () => {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const texts = files.map(({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [path.slice(folder.length + 1), readFileSync(path, 'utf8')];
  });
  expect(texts.length).toBeGreaterThan(5);
  expect(
    Object.fromEntries(PROTO_FILES.flatMap(({ name, text }) => (text === undefined ? [] : [[name, text]]))),
  ).toStrictEqual(Object.fromEntries(texts));
});

test('every import is there', () => {
  const names = new Set(PROTO_FILES.map(({ name }) => name));
  expect(PROTO_FILES.flatMap(({ imports }) => imports).filter((name) => !names.has(name))).toStrictEqual([]);
});

test('they are published', async () => {
  const router = createRouter(protoRoutes());
  const list = await router(aRequest({ method: 'GET', path: '/proto' }));
  expect(list.body.split('\n')).toContain('edict/pdp/v1/decision.proto');
  const one = await router(aRequest({ method: 'GET', path: '/proto/edict/pdp/v1/decision.proto' }));
  expect([one.status, one.body]).toStrictEqual([200, expect.stringContaining('service DecisionService')]);
  expect((await router(aRequest({ method: 'GET', path: '/proto/../package.json' }))).status).toBe(404);
});
