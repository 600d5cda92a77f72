import { z } from 'zod';
import type { ApiObject } from './object.ts';
import { PolicyDomainStatus, policyDomainKind } from './policy-domain.ts';
import { UNOBSERVED } from './kind-definition.ts';
import { openApi } from './to-crd.ts';

/** API group of Manetu's PolicyEngine. */
export const MANETU_GROUP = 'iamlite.manetu.io';
/** The version that objects of the group are stored in, and that the operator reads them in. */
export const MANETU_API_VERSION = `${MANETU_GROUP}/v1beta1`;
/** Name of the CustomResourceDefinition. */
export const MANETU_CRD_NAME = `policydomains.${MANETU_GROUP}`;

/** A PolicyDomain of Manetu's group as it is stored. `spec` is as users wrote it: `domainFromObject` reads it. */
export type ManetuPolicyDomain = ApiObject<unknown, PolicyDomainStatus>;

const PRESERVED = { 'x-kubernetes-preserve-unknown-fields': true } as const;
/** No list and no map has at least one member and at most none: what remains is text, numbers, booleans and null. */
const SCALAR = { nullable: true, ...PRESERVED, minItems: 1, maxItems: 0, minProperties: 1, maxProperties: 0 } as const;

// Their reader takes any scalar for text, as it was written. YAML has made numbers and booleans of some before we see them.
const text = (maxLength: number, description: string) =>
  z
    .unknown()
    .optional()
    .meta({ description, ...SCALAR, maxLength });
const list = <T extends z.ZodType>(item: T, description: string) =>
  z.array(item).max(10_000).optional().meta({ description, nullable: true, 'x-kubernetes-list-type': 'atomic' });
const entity = <T extends z.ZodRawShape>(members: T) => z.object(members).meta({ nullable: true, ...PRESERVED });

const mrn = text(1024, 'Identifier; opaque, compared exactly.');
const name = text(1024, 'Display name; never used for look-ups.');
const description = text(65_536, 'For people.');
const rego = text(1_048_576, 'Rego source (v0 unless it says import rego.v1).');
const policy = text(1280, 'The policy, by its mrn.');
const selector = list(text(4096, 'An RE2 expression.'), 'RE2 expressions, anchored at both ends; any match counts.');
const references = (what: string) => list(text(1280, 'By its mrn.'), what);
/** Booleans, and the words that YAML 1.1 has for them. */
const isDefault = z
  .unknown()
  .optional()
  .meta({
    description: 'Takes resources that match no entry of resources. Without effect elsewhere.',
    nullable: true,
    ...PRESERVED,
    enum: [
      ...[true, false, null],
      ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON'],
      ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF'],
    ],
  });

/** What differs between the versions. */
interface Version {
  readonly name: 'v1alpha3' | 'v1alpha4' | 'v1beta1';
  /** v1alpha3 reads over resources, merge strategies and annotation-defaults, whatever they hold. */
  readonly hasResources: boolean;
  /** Values of annotations are any YAML, and not text alone. */
  readonly hasNativeValues: boolean;
}

const VERSIONS: readonly Version[] = [
  { name: 'v1beta1', hasResources: true, hasNativeValues: true },
  { name: 'v1alpha4', hasResources: true, hasNativeValues: false },
  { name: 'v1alpha3', hasResources: false, hasNativeValues: false },
];

function specOf({ hasResources, hasNativeValues }: Version): z.ZodType {
  const value = hasNativeValues
    ? z
        .unknown()
        .optional()
        .meta({ description: 'Any value. Text that is valid JSON counts as that value.', nullable: true, ...PRESERVED })
    : text(1_048_576, 'Text. If it is valid JSON, it counts as that value.');
  const merge = text(64, 'replace, append, prepend, union or deep (default) when it meets a value of lower rank.');
  const annotation = entity({ name: text(1024, 'Key.'), value, ...(hasResources ? { merge } : {}) });
  const annotations = list(annotation, 'Annotations given to principals or resources.');
  const module = entity({ mrn, name, description, rego, dependencies: references('Libraries that the Rego imports.') });
  const role = entity({ mrn, name, description, policy, default: isDefault, annotations });
  const defaults = entity({ merge: text(64, 'Read, without effect.') }).optional();
  const resource = entity({ name, description, selector, group: text(1280, 'Its group, by its mrn.'), annotations });
  const later = {
    'annotation-defaults': defaults.meta({ description: 'Read, without effect.', nullable: true, ...PRESERVED }),
    resources: list(resource, 'Which resources belong to which group; the first match counts.'),
  };
  return z
    .object({
      ...(hasResources ? later : {}),
      'policy-libraries': list(module, 'Rego modules that policies depend on.'),
      policies: list(module, 'Rego modules that answer data.authz.allow.'),
      roles: list(role, 'Roles: a policy, and annotations for principals.'),
      groups: list(
        entity({ mrn, name, description, roles: references('Roles of the members.'), annotations }),
        'Groups of roles.',
      ),
      'resource-groups': list(role, 'Resource groups: a policy, and annotations for resources.'),
      scopes: list(role, 'Scopes: a policy that narrows what a token may do.'),
      operations: list(
        entity({ name, selector, policy }),
        'Which policy guards which operation; the first match counts.',
      ),
      mappers: list(entity({ name, selector, rego }), 'Rego that turns a foreign request into a PORC.'),
    })
    .meta({
      description: 'Policies, roles, groups, scopes, resources and operations.',
      nullable: true,
      ...PRESERVED,
    });
}

/**
 * The CustomResourceDefinition of Manetu's PolicyDomain with all three versions, stored as v1beta1 and converted by a webhook.
 * Where that is, and whose CRD this is, the chart adds. The schemas are as strict as Manetu's reader: keys that are not known
 * are kept and mean nothing, lists are lists, and what is text takes any scalar.
 */
export function manetuCrd(): Readonly<Record<string, unknown>> {
  const columns = policyDomainKind.columns.map(({ priority, ...column }) =>
    priority === 1 ? { ...column, priority } : column,
  );
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: MANETU_CRD_NAME },
    spec: {
      group: MANETU_GROUP,
      names: {
        kind: 'PolicyDomain',
        plural: 'policydomains',
        singular: 'policydomain',
        listKind: 'PolicyDomainList',
        shortNames: ['mpdom'],
        categories: ['edict'],
      },
      scope: 'Namespaced',
      conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'] } },
      versions: VERSIONS.map((version) => ({
        name: version.name,
        served: true,
        storage: version.name === 'v1beta1',
        subresources: { status: {} },
        additionalPrinterColumns: columns,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: 'A PolicyDomain as the Manetu PolicyEngine reads it, served beside those of edict.dev.',
            ...PRESERVED,
            properties: {
              apiVersion: { type: 'string', description: 'Version of the schema.' },
              kind: { type: 'string', description: 'Kind of the object.' },
              metadata: { type: 'object' },
              spec: openApi(specOf(version)),
              status: { ...openApi(PolicyDomainStatus), default: { ...UNOBSERVED } },
            },
          },
        },
      })),
    },
  };
}
