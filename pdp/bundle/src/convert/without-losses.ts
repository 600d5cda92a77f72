import { Unencodable } from '../model.ts';
import type { AnnotationEntry, AnnotationValue, DomainModel } from '../model.ts';
import type { ApiVersion } from '../sourced-domain.ts';

/** What remains of a domain in a version, and what the version has no place for. */
export interface Remaining {
  readonly model: DomainModel;
  readonly losses: readonly string[];
}

/**
 * Takes from a domain what `target` cannot say: base documents, except in ours; before v1beta1, that integers are exact; in v1alpha3 also resources and
 * merge strategies. Each loss is told in words.
 */
export function withoutLosses(domain: DomainModel, target: ApiVersion): Remaining {
  const losses: string[] = [];
  const { data, ...rest } = domain;
  const isOurs = target.startsWith('edict.dev/');
  if (data !== undefined && !isOurs) losses.push('the data is dropped');
  if (target.endsWith('/v1beta1')) return { model: isOurs ? domain : rest, losses };
  const first = target.endsWith('/v1alpha3');
  const strip = <
    E extends { readonly mrn?: string; readonly name: string; readonly annotations: readonly AnnotationEntry[] },
  >(
    entities: readonly E[],
  ): readonly E[] =>
    entities.map((entity) => ({
      ...entity,
      annotations: entity.annotations.map((entry) => {
        const id = entity.mrn ?? entity.name;
        if (holdsLargeInteger(entry.value))
          losses.push(`annotation '${entry.name}' of '${id}': integers beyond 2^53 are rounded`);
        if (!first || entry.merge === '') return { ...entry, value: withFloats(entry.value) };
        losses.push(`annotation '${entry.name}' of '${id}': merge '${entry.merge}' is dropped`);
        return { ...entry, value: withFloats(entry.value), merge: '' };
      }),
    }));
  if (first && domain.resources.length > 0) losses.push(`${String(domain.resources.length)} resources are dropped`);
  const model = {
    ...rest,
    roles: strip(domain.roles),
    groups: strip(domain.groups),
    resourceGroups: strip(domain.resourceGroups),
    resources: first ? [] : strip(domain.resources),
    scopes: strip(domain.scopes),
  };
  return { model, losses };
}

/** Decoding from text makes every number a float. */
function withFloats(value: AnnotationValue): AnnotationValue {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null || value instanceof Unencodable) return value;
  if (isList(value)) return value.map(withFloats);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withFloats(member)]));
}

function isList(value: AnnotationValue): value is readonly AnnotationValue[] {
  return Array.isArray(value);
}

function holdsLargeInteger(value: AnnotationValue): boolean {
  if (typeof value === 'bigint') return !Number.isSafeInteger(Number(value));
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((member) => holdsLargeInteger(member as AnnotationValue));
}
