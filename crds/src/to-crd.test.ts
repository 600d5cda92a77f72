import { expect, test } from '@jest/globals';
import { KINDS } from './kinds.ts';
import { toCrd } from './to-crd.ts';

/** Every schema node below `node`, with its path. */
function* nodes(node: unknown, path: string): Generator<readonly [string, Record<string, unknown>]> {
  if (node === null || typeof node !== 'object') return;
  const schema = node as Record<string, unknown>;
  yield [path, schema];
  for (const [name, child] of Object.entries(schema['properties'] ?? {})) yield* nodes(child, `${path}.${name}`);
  if (schema['items'] !== undefined) yield* nodes(schema['items'], `${path}[]`);
  if (typeof schema['additionalProperties'] === 'object') yield* nodes(schema['additionalProperties'], `${path}{}`);
}

const schemaOf = (crd: Record<string, unknown>): unknown =>
  (crd['spec'] as { versions: { schema: { openAPIV3Schema: unknown } }[] }).versions[0]?.schema.openAPIV3Schema;

test.each(KINDS.map((kind) => [kind.kind, kind] as const))('%s is a structural schema', (_name, kind) => {
  for (const [path, node] of nodes(schemaOf(toCrd(kind)), kind.kind)) {
    const typed = node['type'] !== undefined || node['x-kubernetes-preserve-unknown-fields'] === true;
    expect({ path, typed }).toStrictEqual({ path, typed: true });
    for (const keyword of ['anyOf', 'oneOf', 'allOf', 'not', 'const', '$ref', '$defs']) {
      expect({ path, keyword, there: keyword in node }).toStrictEqual({ path, keyword, there: false });
    }
  }
});

test.each(KINDS.map((kind) => [kind.kind, kind] as const))('every member of %s spec is described', (_name, kind) => {
  for (const [path, node] of nodes(schemaOf(toCrd(kind)), kind.kind)) {
    for (const [name, child] of Object.entries((node['properties'] ?? {}) as Record<string, Record<string, unknown>>)) {
      if (name === 'metadata' || path === kind.kind) continue;
      expect({ path: `${path}.${name}`, described: typeof child['description'] }).toStrictEqual({
        path: `${path}.${name}`,
        described: 'string',
      });
    }
  }
});

test('kinds with a status start unobserved, so that no tool takes them for done', () => {
  for (const kind of KINDS.filter(({ kind: name }) => !['PolicyBundle', 'PolicyTestSuite'].includes(name))) {
    const schema = schemaOf(toCrd(kind)) as { properties: { status: { default: unknown } } };
    expect(schema.properties.status.default).toStrictEqual({ observedGeneration: -1 });
  }
});
