import { canonicalJson } from '../canonical-json.ts';
import { objectOfData } from './data-object.ts';
import { ConvertError } from './convert-error.ts';
import { Unencodable } from '../model.ts';
import { AnnotationDepthError, decodeAnnotationText } from '../read/annotation-text.ts';
import type { AnnotationEntry, AnnotationValue, DomainModel, PolicyEntity, RoleEntity } from '../model.ts';
import type { JsonValue } from '../read/object-node.ts';
import type { ApiVersion } from '../sourced-domain.ts';

/** How the object is labelled. */
export interface DomainObjectOptions {
  /** Default `metadata.name` of the model. */
  readonly name?: string;
  readonly namespace?: string;
  /** Default `edict.dev/v1beta1`. */
  readonly apiVersion?: ApiVersion;
}

/** JSON of a PolicyDomain, for Kubernetes or a file. Integers beyond 2^53 are `bigint`. */
export type DomainObject = {
  readonly apiVersion: string;
  readonly kind: 'PolicyDomain';
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: Readonly<Record<string, JsonValue>>;
};

/**
 * Writes a domain as an object whose reading gives the same domain again. Annotation values that would be read as
 * something else are written as the JSON text that means them. Empty fields and sections are left out. Base documents
 * have the numbers that JavaScript has: `1.10` becomes 1.1, as it does in the API server.
 * @throws ConvertError for values that no object can hold
 */
export function toDomainObject(domain: DomainModel, options: DomainObjectOptions = {}): DomainObject {
  const { apiVersion = 'edict.dev/v1beta1' } = options;
  const annotations = (entries: readonly AnnotationEntry[]) => {
    const written = entries.map((entry) => annotation(entry, apiVersion));
    return { annotations: written.length === 0 ? undefined : written };
  };
  const role = ({ mrn, name, description, policy, annotations: entries }: RoleEntity) => {
    return compact({ mrn, name, description, policy, ...annotations(entries) });
  };
  const sections: Readonly<Record<string, readonly JsonValue[]>> = {
    'policy-libraries': domain.libraries.map(policyObject),
    policies: domain.policies.map(policyObject),
    roles: domain.roles.map(role),
    groups: domain.groups.map(({ mrn, name, description, roles, annotations: entries }) => {
      return compact({ mrn, name, description, roles, ...annotations(entries) });
    }),
    'resource-groups': domain.resourceGroups.map((group) => {
      return compact({ ...role(group), default: group.default ? true : undefined });
    }),
    resources: apiVersion.endsWith('/v1alpha3')
      ? []
      : domain.resources.map(({ name, description, selector, group, annotations: entries }) => {
          return compact({ name, description, selector, group, ...annotations(entries) });
        }),
    scopes: domain.scopes.map(role),
    operations: domain.operations.map(({ name, selector, policy }) => compact({ name, selector, policy })),
    mappers: domain.mappers.map(({ name, selector, rego }) => compact({ name, selector, rego })),
  };
  const data =
    domain.data === undefined || !apiVersion.startsWith('edict.dev/') ? {} : { data: objectOfData(domain.data) };
  const { name = domain.name, namespace } = options;
  return {
    apiVersion,
    kind: 'PolicyDomain',
    metadata: namespace === undefined ? { name } : { name, namespace },
    spec: { ...Object.fromEntries(Object.entries(sections).filter(([, entities]) => entities.length > 0)), ...data },
  };
}

function policyObject({ mrn, name, description, rego, dependencies }: PolicyEntity): JsonValue {
  return compact({ mrn, name, description, dependencies, rego });
}

type Members = Readonly<Record<string, JsonValue | undefined>>;

/** Leaves out what reading supplies: empty strings and lists. */
function compact(members: Members): { readonly [key: string]: JsonValue } {
  const kept: [string, JsonValue][] = [];
  for (const [key, value] of Object.entries(members)) {
    if (value === undefined || value === '' || (Array.isArray(value) && value.length === 0)) continue;
    kept.push([key, value]);
  }
  return Object.fromEntries(kept);
}

function annotation({ name, value, merge }: AnnotationEntry, apiVersion: ApiVersion): JsonValue {
  const native = apiVersion.endsWith('/v1beta1');
  const members: [string, JsonValue][] = [['name', name]];
  // Null is what an absent value means where values are native, and must not be written: some clients drop nulls.
  if (!(native && value === null)) members.push(['value', native ? nativeValue(value, name) : textValue(value, name)]);
  if (merge !== '' && !apiVersion.endsWith('/v1alpha3')) members.push(['merge', merge]);
  return Object.fromEntries(members);
}

/** For versions in which every value is a string. Exact integers lose nothing up to 2^53; larger ones are refused. */
function textValue(value: AnnotationValue, name: string): string {
  const contents = inspect(value, name);
  if (contents.largeInteger) throw tooLarge(name);
  return typeof value === 'string' ? stringText(value) : canonicalJson(value);
}

function nativeValue(value: AnnotationValue, name: string): JsonValue {
  const { wholeFloat, integer, tooLargeInteger } = inspect(value, name);
  if (tooLargeInteger) throw tooLarge(name);
  if (typeof value === 'string') return stringText(value);
  // A whole number that is a float would be read as an integer: only JSON text says which it is.
  if (!wholeFloat) return plainValue(value);
  if (!integer) return canonicalJson(value);
  throw new ConvertError('mixed-numbers', `annotation '${name}' mixes exact integers with whole floats`);
}

/** A string as it has to be written so that it is read as itself: JSON text only if it would be taken for JSON. */
function stringText(text: string): string {
  try {
    return decodeAnnotationText(text) === text ? text : JSON.stringify(text);
  } catch (error) {
    if (error instanceof AnnotationDepthError) return JSON.stringify(text);
    throw error;
  }
}

function plainValue(value: AnnotationValue): JsonValue {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly AnnotationValue[]).map(plainValue);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plainValue(member as AnnotationValue)]));
}

interface Contents {
  readonly wholeFloat: boolean;
  readonly integer: boolean;
  /** Beyond what a float holds exactly. */
  readonly largeInteger: boolean;
  /** Beyond 64 bits with a sign, where Kubernetes has floats. */
  readonly tooLargeInteger: boolean;
}

const nothing: Contents = { wholeFloat: false, integer: false, largeInteger: false, tooLargeInteger: false };

function inspect(value: AnnotationValue, name: string): Contents {
  if (value instanceof Unencodable) {
    throw new ConvertError('unencodable', `annotation '${name}' holds what JSON cannot: ${value.reason}`);
  }
  if (typeof value === 'number') return { ...nothing, wholeFloat: Number.isInteger(value) };
  if (typeof value === 'bigint') {
    const tooLargeInteger = BigInt.asIntN(64, value) !== value;
    return { ...nothing, integer: true, largeInteger: !Number.isSafeInteger(Number(value)), tooLargeInteger };
  }
  if (typeof value !== 'object' || value === null) return nothing;
  return Object.values(value).reduce<Contents>((sum, member) => {
    const own = inspect(member, name);
    return {
      wholeFloat: sum.wholeFloat || own.wholeFloat,
      integer: sum.integer || own.integer,
      largeInteger: sum.largeInteger || own.largeInteger,
      tooLargeInteger: sum.tooLargeInteger || own.tooLargeInteger,
    };
  }, nothing);
}

function tooLarge(name: string): ConvertError {
  return new ConvertError('integer-too-large', `annotation '${name}' holds an integer that would lose digits`);
}
