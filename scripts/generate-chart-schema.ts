import { readFileSync, writeFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { format } from 'prettier';
import { policyDecisionPointKind, policySetKind, toCrd, type KindDefinition } from '../crds/src/index.ts';

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly [keyword: string]: unknown;
}

/** `spec` of a kind as JSON Schema: without what only the apiserver knows, and closed where it would drop what it does not know. */
function specOf(kind: KindDefinition): Schema {
  const { versions } = toCrd(kind)['spec'] as {
    readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }];
  };
  return closed(versions[0].schema.openAPIV3Schema.properties?.['spec'] ?? {});
}

function closed(schema: Schema): Schema {
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const kept = Object.entries(schema).filter(([key]) => !key.startsWith('x-kubernetes') && key !== 'format');
  const { properties, items, additionalProperties, ...rest } = Object.fromEntries(kept) as Schema;
  return {
    ...rest,
    ...(items === undefined ? {} : { items: closed(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: closed(additionalProperties as Schema) }),
    ...(properties === undefined
      ? {}
      : {
          ...(keepsUnknown ? {} : { additionalProperties: false }),
          properties: Object.fromEntries(Object.entries(properties).map(([name, child]) => [name, closed(child)])),
        }),
  };
}

/**
 * Requires what values.yaml has a default for: a value that somebody takes away (`--set operator.replicas=null`) is missed here,
 * where the message names it, and not in the middle of a template.
 */
function required(schema: Schema, defaults: unknown): Schema {
  if (schema.properties === undefined || !isMap(defaults)) return schema;
  const known = Object.keys(defaults).filter((name) => schema.properties?.[name] !== undefined);
  const properties = Object.entries(schema.properties).map(
    ([name, child]) => [name, required(child, defaults[name])] as const,
  );
  return {
    ...schema,
    ...(known.length === 0 ? {} : { required: known.sort() }),
    properties: Object.fromEntries(properties),
  };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Writes the part of helm/values.schema.json that the kinds decide: the chart's first PolicyDecisionPoint and PolicySet take
 * the members of a `spec`, so that a mistake is found before anything is installed. And what is required, by values.yaml.
 */
export async function writeChartSchema(): Promise<void> {
  const path = new URL('../helm/values.schema.json', import.meta.url);
  const schema = JSON.parse(readFileSync(path, 'utf8')) as Schema & { readonly properties: Record<string, Schema> };
  const defaults = load(readFileSync(new URL('../helm/values.yaml', import.meta.url), 'utf8')) as object;
  const fleet = specOf(policyDecisionPointKind);
  schema.properties['firstPolicyDecisionPoint'] = {
    type: 'object',
    additionalProperties: false,
    description: 'A first fleet of PDPs: the members of spec of a PolicyDecisionPoint, as in docs/pdp-server.md.',
    properties: {
      create: {
        type: 'boolean',
        description: 'Make a PolicyDecisionPoint and its PolicySet.',
      },
      name: {
        type: 'string',
        description: 'Their name.',
        pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
        maxLength: 50,
      },
      namespace: {
        type: 'string',
        description:
          "Their namespace, which is there already; default: the release's. Form Sidecar needs another: pods beside the operator never get one.",
        pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$',
        maxLength: 63,
      },
      policySet: { ...specOf(policySetKind), description: 'Its PolicySet: the members of its spec.' },
      ...fleet.properties,
    },
  };
  // Of the fleet only what the chart itself reads: the rest has defaults in its kind.
  const checked = required(schema, { ...defaults, firstPolicyDecisionPoint: { create: false, name: '' } });
  writeFileSync(path, await format(JSON.stringify(checked, null, 2), { parser: 'json', printWidth: 120 }));
}
