import type { AnnotationEntry, AnnotationValue, DomainModel, PolicyEntity } from '@edict/bundle';

/** A domain for tests, of which only what matters is said. */
export function aDomain(parts: Partial<DomainModel> = {}): DomainModel {
  return {
    name: 'orchard',
    policies: [],
    libraries: [],
    roles: [],
    groups: [],
    resourceGroups: [],
    resources: [],
    scopes: [],
    operations: [],
    mappers: [],
    ...parts,
  };
}

/** A policy or library with the given Rego; `package authz` is put in front unless the text has a package. */
export function aPolicy(mrn: string, rego: string, dependencies: readonly string[] = []): PolicyEntity {
  const source = /^\s*package\s/.test(rego) ? rego : `package authz\n\n${rego}\n`;
  return { mrn, name: '', description: '', rego: source, dependencies };
}

/** A role or scope. */
export function aRole(mrn: string, policy: string, annotations: readonly AnnotationEntry[] = []) {
  return { mrn, name: '', description: '', policy, annotations };
}

/** A resource group. */
export function aResourceGroup(
  mrn: string,
  policy: string,
  options: Partial<DomainModel['resourceGroups'][number]> = {},
) {
  return { ...aRole(mrn, policy), default: false, ...options };
}

/** A group of principals. */
export function aGroup(mrn: string, roles: readonly string[], annotations: readonly AnnotationEntry[] = []) {
  return { mrn, name: '', description: '', roles, annotations };
}

/** A resource entry. */
export function aResource(selector: string, group: string, annotations: readonly AnnotationEntry[] = []) {
  return { name: '', description: '', selector: [selector], group, annotations };
}

/** An operation entry. */
export function anOperation(selector: string, policy: string) {
  return { name: '', selector: [selector], policy };
}

/** An annotation. */
export function anAnnotation(name: string, value: AnnotationValue, merge = ''): AnnotationEntry {
  return { name, value, merge };
}

/** Policies that always say the same, by MRN, and one for every kind of failure. */
export const simplePolicies: readonly PolicyEntity[] = [
  aPolicy('yes', 'default allow = true'),
  aPolicy('no', 'default allow = false'),
  aPolicy('zero', 'default allow = 0'),
  aPolicy('one', 'default allow = 1'),
  aPolicy('minus', 'default allow = -1'),
  aPolicy('undefined', 'allow { input.never == "ever" }'),
  aPolicy('conflict', 'allow = 1 { true }\nallow = 2 { input.operation }'),
  aPolicy('text', 'default allow = "yes"'),
];
