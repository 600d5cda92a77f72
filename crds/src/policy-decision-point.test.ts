import { expect, test } from '@jest/globals';
import { API_VERSION } from './object.ts';
import { policyDecisionPointKind, PolicyDecisionPointSpec } from './policy-decision-point.ts';
import { EVERYTHING, SIDECARS, WRONG_FLEETS } from './testing/fleet-specs.ts';
import { toCrd } from './to-crd.ts';
import { validateObject } from './validate.ts';

const fleet = (spec: object) => ({
  apiVersion: API_VERSION,
  kind: 'PolicyDecisionPoint',
  metadata: { name: 'main' },
  spec,
});

test.each(WRONG_FLEETS)('%s is refused, with its place', (_name, spec, at, message) => {
  const refused = validateObject(fleet(spec));
  const problems = refused.ok ? [] : refused.problems;
  expect(problems.filter((problem) => problem.startsWith(at) && problem.includes(message))).not.toStrictEqual([]);
});

test('what goes together is taken, with defaults', () => {
  expect(validateObject(fleet(EVERYTHING))).toMatchObject({
    ok: true,
    object: {
      spec: {
        ports: { http: 8181, grpc: 9191, health: 8282 },
        tls: { clientCa: { key: 'ca.crt' } },
        authzen: { pageTokenKeyFrom: { key: 'page-token.key' } },
        volumes: [{ name: 'records', emptyDir: { sizeLimit: '1Gi' } }],
      },
    },
  });
  expect(
    validateObject(fleet({ settings: { EDICT_PDP_GRPC_LISTEN: 'unix:///run/a', OTEL_SERVICE_NAME: 'a' } })).ok,
  ).toBe(true);
});

test('a spec that says nothing has no TLS, asks nobody, and sends records and spans nowhere else', () => {
  const spec = PolicyDecisionPointSpec.parse({});
  expect(spec).toMatchObject({ workers: 1, ports: { http: 8181, health: 8282 }, service: { port: 8181 } });
  for (const member of ['tls', 'authentication', 'authzen', 'audit', 'traces']) expect(spec).not.toHaveProperty(member);
});

test.each([
  ['pods that say so by label', { form: 'Sidecar' }],
  ['pods that it selects', SIDECARS],
  ['every pod', { form: 'Sidecar', sidecar: { selector: {} } }],
])('sidecars are taken for %s', (_name, spec) => {
  expect(validateObject(fleet(spec))).toMatchObject({ ok: true, object: { spec } });
});

test('every rule names a member that the schema has', () => {
  const check = (node: Record<string, unknown>, path: string): void => {
    const properties = (node['properties'] ?? {}) as Record<string, Record<string, unknown>>;
    for (const { fieldPath } of (node['x-kubernetes-validations'] ?? []) as readonly {
      readonly fieldPath?: string;
    }[]) {
      let at: Record<string, unknown> | undefined = node;
      for (const part of fieldPath?.slice(1).split('.') ?? []) {
        at = ((at?.['properties'] ?? {}) as Record<string, Record<string, unknown>>)[part];
      }
      expect({ path, fieldPath, found: at !== undefined }).toStrictEqual({ path, fieldPath, found: true });
    }
    for (const [name, child] of Object.entries(properties)) check(child, `${path}.${name}`);
    if (node['items'] !== undefined) check(node['items'] as Record<string, unknown>, `${path}[]`);
  };
  const { versions } = toCrd(policyDecisionPointKind)['spec'] as {
    readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Record<string, unknown> } }];
  };
  check(versions[0].schema.openAPIV3Schema, '');
});
