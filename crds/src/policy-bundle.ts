import { z } from 'zod';
import { AGE, type KindDefinition } from './kind-definition.ts';
import type { ApiObject } from './object.ts';

/** `spec` of a PolicyBundle: the rendered bytes of one domain. Immutable; the object is named by its digest. */
export const PolicyBundleSpec = z
  .object({
    digest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/)
      .meta({ description: 'sha256 of the canonical tar, uncompressed.' }),
    domain: z.string().min(1).max(253).meta({ description: 'Name of the PolicyDomain, or of the PolicyTestSuite.' }),
    domainUid: z.string().max(253).meta({ description: 'Its UID.' }),
    generation: z.int().meta({ description: 'Generation of the PolicyDomain that first rendered to this.' }),
    rendererVersion: z.int().min(1).meta({ description: 'Renderer that made it.' }),
    size: z.int().min(0).meta({ description: 'Bytes, uncompressed.' }),
    policies: z.int().min(0).meta({ description: 'Number of policies in the domain.' }),
    gzSize: z.int().min(0).max(1_048_576).meta({ description: 'Bytes, gzip.' }),
    data: z.string().max(1_400_000).meta({ description: 'The gzip bytes.', format: 'byte' }),
  })
  .meta({
    description: 'The immutable rendering of one PolicyDomain, an OPA-compatible bundle, or of one PolicyTestSuite.',
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'a PolicyBundle is immutable' }],
  });
export type PolicyBundleSpec = z.output<typeof PolicyBundleSpec>;

export const PolicyBundleStatus = z.object({});
export type PolicyBundleStatus = z.output<typeof PolicyBundleStatus>;

export type PolicyBundle = ApiObject<PolicyBundleSpec, PolicyBundleStatus>;

/** The object name for a digest: `sha256-<hex>`. */
export function bundleName(digest: string): string {
  return digest.replace(':', '-');
}

export const policyBundleKind: KindDefinition = {
  kind: 'PolicyBundle',
  plural: 'policybundles',
  singular: 'policybundle',
  shortNames: ['pbun'],
  description: 'The immutable, content-addressed rendering of one PolicyDomain.',
  spec: PolicyBundleSpec,
  status: PolicyBundleStatus,
  columns: [
    { name: 'Domain', type: 'string', jsonPath: '.spec.domain', description: 'The domain.' },
    { name: 'Generation', type: 'integer', jsonPath: '.spec.generation', description: 'Its generation.' },
    { name: 'Size', type: 'integer', jsonPath: '.spec.gzSize', description: 'Bytes, gzip.' },
    AGE,
  ],
};
