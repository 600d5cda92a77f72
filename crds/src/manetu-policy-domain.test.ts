import { expect, test } from '@jest/globals';
import { MANETU_CRD_NAME, manetuCrd } from './manetu-policy-domain.ts';

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly [keyword: string]: unknown;
}
interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly subresources: unknown;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

const crd = manetuCrd() as unknown as Crd;
const specOf = (version: string): Schema =>
  crd.spec.versions.find(({ name }) => name === version)?.schema.openAPIV3Schema.properties?.['spec'] ?? {};

function* nodes(schema: Schema, path: string): Generator<readonly [string, Schema]> {
  yield [path, schema];
  for (const [name, child] of Object.entries(schema.properties ?? {})) yield* nodes(child, `${path}.${name}`);
  if (schema.items !== undefined) yield* nodes(schema.items, `${path}[]`);
}

test('all three versions are served with a status, and the one that can say most is stored', () => {
  expect(crd.metadata.name).toBe(MANETU_CRD_NAME);
  expect(crd.spec.versions.map(({ name, served, storage }) => [name, served, storage])).toEqual([
    ['v1beta1', true, true],
    ['v1alpha4', true, false],
    ['v1alpha3', true, false],
  ]);
  for (const { subresources } of crd.spec.versions) expect(subresources).toEqual({ status: {} });
});

test.each(['v1alpha3', 'v1alpha4', 'v1beta1'])('every map in a spec of %s keeps keys that are not known', (version) => {
  const spec = specOf(version);
  const maps = [...nodes(spec, 'spec')].filter(([, { properties }]) => properties !== undefined);
  expect(maps.length).toBeGreaterThan(10);
  for (const [path, node] of maps) {
    expect({ path, kept: node['x-kubernetes-preserve-unknown-fields'], nullable: node['nullable'] }).toEqual({
      path,
      kept: true,
      nullable: true,
    });
  }
});

test('v1alpha3 has no opinion on what it reads over', () => {
  expect(Object.keys(specOf('v1alpha4').properties ?? {})).toEqual(Object.keys(specOf('v1beta1').properties ?? {}));
  expect(specOf('v1alpha3').properties).not.toHaveProperty('resources');
  expect(specOf('v1alpha3').properties).not.toHaveProperty('annotation-defaults');
  const places = [...nodes(specOf('v1alpha3'), 'spec')].map(([path]) => path);
  expect(places.filter((path) => path.endsWith('.merge'))).toEqual([]);
});

test('values of annotations are scalars before v1beta1, and anything in it', () => {
  const valueOf = (version: string) =>
    specOf(version).properties?.['roles']?.items?.properties?.['annotations']?.items?.properties?.['value'];
  expect(valueOf('v1alpha3')).toEqual(valueOf('v1alpha4'));
  expect(valueOf('v1alpha4')).toMatchObject({ minItems: 1, maxItems: 0, minProperties: 1, maxProperties: 0 });
  expect(valueOf('v1beta1')).not.toHaveProperty('maxItems');
});
