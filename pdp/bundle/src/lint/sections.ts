import type { EntityKind } from '../problem.ts';

/** A section of `spec` as lint looks at it, by every name that people write. */
export interface LintSection {
  readonly key: string;
  readonly kind: EntityKind;
  readonly demands: readonly ('rego' | 'selector')[];
}

/** The sections that lint inspects. The spellings in camel case are ignored when a domain is loaded. */
export const lintSections: readonly LintSection[] = [
  { key: 'policy-libraries', kind: 'library', demands: ['rego'] },
  { key: 'policyLibraries', kind: 'library', demands: ['rego'] },
  { key: 'policies', kind: 'policy', demands: ['rego'] },
  { key: 'roles', kind: 'role', demands: [] },
  { key: 'groups', kind: 'group', demands: [] },
  { key: 'resource-groups', kind: 'resource-group', demands: [] },
  { key: 'resourceGroups', kind: 'resource-group', demands: [] },
  { key: 'resources', kind: 'resource', demands: ['selector'] },
  { key: 'scopes', kind: 'scope', demands: [] },
  { key: 'operations', kind: 'operation', demands: ['selector'] },
  { key: 'mappers', kind: 'mapper', demands: ['rego', 'selector'] },
];
