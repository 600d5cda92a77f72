import { expect, test } from '@jest/globals';
import { load } from 'js-yaml';
import { ActiveSets } from '../active-sets.ts';
import { lineSink } from '../audit/line-sink.ts';
import { createDecisionCore } from '../core/decision-core.ts';
import { API_DESCRIPTIONS, apiRoutes } from './api-routes.ts';
import { openApiOf } from './open-api.ts';
import { SERVICE_OPEN_API } from './service-open-api.ts';
import { serviceRoutes } from './service-routes.ts';

interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
}

const text = openApiOf([...API_DESCRIPTIONS, SERVICE_OPEN_API]);
const description = load(text) as Description;

const core = createDecisionCore({
  sets: new ActiveSets(),
  audit: lineSink({ hasRoom: true, offer: () => true }, 'Drop'),
});
const routes = [
  ...apiRoutes({ core, readiness: () => ({ ready: true, loading: [] }), maxBodyBytes: 1 }),
  ...serviceRoutes({
    readiness: () => ({ ready: true, loading: [] }),
    status: () => ({}),
    metrics: () => Promise.resolve({ text: '', contentType: '' }),
    openApi: text,
  }),
];

test('the description has exactly the routes of whole paths', () => {
  const described = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = routes
    .filter(({ method, prefix }) => prefix !== true && method !== '*')
    .map(({ method, path }) => `${method} ${path}`);
  expect(described.filter((row) => !row.includes('{')).sort()).toStrictEqual(served.sort());
});

test('every reference in the description leads somewhere', () => {
  const references = [...text.matchAll(/\$ref: '#\/([\w/]+)'/g)].map(([, path = '']) => path);
  expect(references.length).toBeGreaterThan(20);
  const dead = references.filter(
    (path) =>
      path
        .split('/')
        .reduce<unknown>(
          (at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined),
          description,
        ) === undefined,
  );
  expect(dead).toStrictEqual([]);
});

test('every operation says what it is and what it answers', () => {
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      expect([path, method, Object.keys(operation)]).toStrictEqual([
        path,
        method,
        expect.arrayContaining(['summary', 'responses']),
      ]);
    }
  }
});
