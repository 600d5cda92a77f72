import { z } from 'zod';
import { Conditions } from './conditions.ts';
import { AGE, conditionColumn, UNOBSERVED, type KindDefinition } from './kind-definition.ts';
import type { ApiObject } from './object.ts';

const Mrn = z
  .string()
  .max(1024)
  .meta({ description: 'Identifier; opaque, compared exactly. Suggested form mrn:<type>:…' });
const Reference = z.string().max(1280).meta({ description: 'An id in this domain, or domain/id.' });
const Name = z.string().max(1024).meta({ description: 'Display name; never used for look-ups.' });
const Description = z.string().max(65_536).meta({ description: 'For people.' });
const Rego = z.string().max(1_048_576).meta({ description: 'Rego source (v0 unless it says import rego.v1).' });
const Selector = z.array(z.string().max(4096)).max(10_000).optional().meta({
  description: 'RE2 expressions, anchored at both ends; any match counts.',
  'x-kubernetes-list-type': 'atomic',
});

const Annotation = z.object({
  name: z.string().max(1024).meta({ description: 'Key of the annotation.' }),
  value: z.unknown().optional().meta({
    description: 'Any value. A string that is valid JSON counts as that JSON value.',
    nullable: true,
    'x-kubernetes-preserve-unknown-fields': true,
  }),
  merge: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'replace, append, prepend, union or deep (default) when it meets a value of lower rank.' }),
});

const list = <T extends z.ZodType>(item: T, description: string) =>
  z.array(item).max(10_000).optional().meta({ description, 'x-kubernetes-list-type': 'atomic' });

const Policy = z.object({
  mrn: Mrn.optional(),
  name: Name.optional(),
  description: Description.optional(),
  rego: Rego.optional(),
  dependencies: list(Reference, 'Libraries that the Rego imports.'),
});
const Role = z.object({
  mrn: Mrn.optional(),
  name: Name.optional(),
  description: Description.optional(),
  policy: Reference.optional(),
  annotations: list(Annotation, 'Annotations given to principals or resources of this entity.'),
});
const Group = z.object({
  mrn: Mrn.optional(),
  name: Name.optional(),
  description: Description.optional(),
  roles: list(Reference, 'Roles of the members.'),
  annotations: list(Annotation, 'Annotations of the members.'),
});
const ResourceGroup = Role.extend({
  default: z.boolean().optional().meta({ description: 'Takes resources that match no entry of resources.' }),
});
const Resource = z.object({
  name: Name.optional(),
  description: Description.optional(),
  selector: Selector,
  group: Reference.optional(),
  annotations: list(Annotation, 'Annotations of the resource.'),
});
const Operation = z.object({ name: Name.optional(), selector: Selector, policy: Reference.optional() });
const Mapper = z.object({ name: Name.optional(), selector: Selector, rego: Rego.optional() });

// Not a record: zod's records drop keys that objects may have nevertheless, such as `__proto__`.
const Data = z
  .unknown()
  .refine((value) => value === null || (typeof value === 'object' && !Array.isArray(value)), 'must be an object')
  .meta({
    type: 'object',
    nullable: true,
    description: 'Base documents: JSON that sets which serve documents show below data, beside the rules of libraries.',
    'x-kubernetes-preserve-unknown-fields': true,
  });

/** `spec` of a PolicyDomain: the Manetu PolicyEngine's v1beta1, field for field, and `data`. */
export const PolicyDomainSpec = z
  .object({
    'annotation-defaults': z
      .object({ merge: z.string().max(64).optional().meta({ description: 'Read, without effect.' }) })
      .optional()
      .meta({ description: 'Read, without effect (as in the reference engine).' }),
    'policy-libraries': list(Policy, 'Rego modules that policies depend on.'),
    policies: list(Policy, 'Rego modules that answer data.authz.allow.'),
    roles: list(Role, 'Roles: a policy, and annotations for principals.'),
    groups: list(Group, 'Groups of roles.'),
    'resource-groups': list(ResourceGroup, 'Resource groups: a policy, and annotations for resources.'),
    resources: list(Resource, 'Which resources belong to which group; the first match counts.'),
    scopes: list(Role, 'Scopes: a policy that narrows what a token may do.'),
    operations: list(Operation, 'Which policy guards which operation; the first match counts.'),
    mappers: list(Mapper, 'Rego that turns a foreign request into a PORC.'),
    data: Data.optional(),
  })
  .meta({ description: 'Policies, roles, groups, scopes, resources and operations.' });
export type PolicyDomainSpec = z.output<typeof PolicyDomainSpec>;

/** Status of a PolicyDomain; written by the operator only. */
export const PolicyDomainStatus = z.object({
  observedGeneration: z.int().optional().meta({ description: 'Generation that this status describes.' }),
  digest: z.string().optional().meta({ description: 'Digest of the bundle rendered from this generation.' }),
  size: z.string().optional().meta({ description: 'Size of that bundle, gzip.' }),
  set: z.string().optional().meta({ description: 'The set (or sets) that this domain belongs to.' }),
  revision: z.string().optional().meta({ description: 'Committed revision that first carried this digest, as set@n.' }),
  activeIn: z
    .array(
      z.object({
        set: z.string().meta({ description: 'Name of the PolicySet.' }),
        revision: z.int().meta({ description: 'Revision n since which the digest is committed.' }),
        digest: z.string().meta({ description: 'Digest of this domain in it.' }),
      }),
    )
    .max(64)
    .optional()
    .meta({
      description: 'Where which rendering is committed.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['set'],
    }),
  entities: z
    .object({
      policies: z.int().meta({ description: 'Number of policies.' }),
      libraries: z.int().meta({ description: 'Number of libraries.' }),
      roles: z.int().meta({ description: 'Number of roles.' }),
      groups: z.int().meta({ description: 'Number of groups.' }),
      scopes: z.int().meta({ description: 'Number of scopes.' }),
      resourceGroups: z.int().meta({ description: 'Number of resource groups.' }),
      resources: z.int().meta({ description: 'Number of resource selectors.' }),
      operations: z.int().meta({ description: 'Number of operations.' }),
      mappers: z.int().meta({ description: 'Number of mappers.' }),
    })
    .optional()
    .meta({ description: 'What the domain holds.' }),
  warnings: z
    .array(z.string().max(2048))
    .max(20)
    .optional()
    .meta({ description: 'Findings that do not stop it.', 'x-kubernetes-list-type': 'atomic' }),
  conditions: Conditions,
});
export type PolicyDomainStatus = z.output<typeof PolicyDomainStatus>;

export type PolicyDomain = ApiObject<PolicyDomainSpec, PolicyDomainStatus>;

export const policyDomainKind: KindDefinition = {
  kind: 'PolicyDomain',
  plural: 'policydomains',
  singular: 'policydomain',
  shortNames: ['pdom'],
  description: 'What a team writes: policies, roles, groups, scopes, resources and operations.',
  spec: PolicyDomainSpec,
  status: PolicyDomainStatus,
  statusDefault: UNOBSERVED,
  columns: [
    { name: 'Set', type: 'string', jsonPath: '.status.set', description: 'The set that carries the domain.' },
    {
      name: 'Revision',
      type: 'string',
      jsonPath: '.status.revision',
      description: 'Committed revision that carries this content.',
    },
    conditionColumn('Ready', 'Ready', 'status'),
    conditionColumn('Reason', 'Ready', 'reason'),
    { name: 'Size', type: 'string', jsonPath: '.status.size', description: 'Size of the bundle.', priority: 1 },
    { name: 'Digest', type: 'string', jsonPath: '.status.digest', description: 'Digest of the bundle.', priority: 1 },
    AGE,
  ],
};
