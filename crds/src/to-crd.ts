import { z } from 'zod';
import type { KindDefinition } from './kind-definition.ts';
import { API_GROUP } from './object.ts';

type Json = Record<string, unknown>;

/** Keywords that zod prints and Kubernetes' structural schemas refuse or do not need. */
const DROPPED = new Set(['$schema', 'propertyNames', 'additionalItems', '~standard', 'id']);

/** Turns zod's JSON Schema into what a CRD takes. A default makes a member optional, so `required` is zod's input side. */
function structural(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(structural);
  if (node === null || typeof node !== 'object') return node;
  const schema = node as Json;
  const out: Json = {};
  for (const [key, value] of Object.entries(schema)) {
    if (DROPPED.has(key)) continue;
    if (key === 'properties') {
      out[key] = Object.fromEntries(Object.entries(value as Json).map(([name, child]) => [name, structural(child)]));
    } else if (key === 'additionalProperties') {
      // `false` would forbid unknown members; the apiserver prunes them instead. `{}` comes with preserved objects.
      if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) out[key] = structural(value);
    } else if (key === 'default' || key === 'enum' || key === 'required' || key.startsWith('x-kubernetes')) {
      out[key] = value;
    } else if (key === 'minimum' && value === Number.MIN_SAFE_INTEGER) {
      continue;
    } else if (key === 'maximum' && value === Number.MAX_SAFE_INTEGER) {
      continue;
    } else {
      out[key] = structural(value);
    }
  }
  if (out['type'] === 'integer') out['format'] = 'int64';
  return out;
}

/** A schema as the structural one of a CRD. */
export function openApi(schema: z.ZodType): Json {
  return structural(z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input' })) as Json;
}

/**
 * The CustomResourceDefinition (apiextensions.k8s.io/v1) of a kind, as a plain object with a fixed order of members.
 * The apiserver accepts it as a structural schema.
 */
export function toCrd(definition: KindDefinition): Json {
  const { kind, plural, singular, shortNames, scale, statusDefault } = definition;
  const status = openApi(definition.status);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      names: { kind, plural, singular, listKind: `${kind}List`, shortNames: [...shortNames], categories: ['edict'] },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1beta1',
          served: true,
          storage: true,
          subresources: { status: {}, ...(scale === undefined ? {} : { scale: { ...scale } }) },
          additionalPrinterColumns: definition.columns.map(({ priority, ...column }) =>
            priority === 1 ? { ...column, priority } : column,
          ),
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: definition.description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string', description: 'Version of the schema.' },
                kind: { type: 'string', description: 'Kind of the object.' },
                metadata: { type: 'object' },
                spec: openApi(definition.spec),
                status: statusDefault === undefined ? status : { ...status, default: { ...statusDefault } },
              },
            },
          },
        },
      ],
    },
  };
}
