import { problemOf, subjectAt } from '../check/subject.ts';
import { Unencodable } from '../model.ts';
import type { ParsedSubject } from '../check/rego-parse.ts';
import type { Subject } from '../check/subject.ts';
import type { AnnotationEntry, AnnotationValue } from '../model.ts';
import type { EntityKind, Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

const mergeStrategies: ReadonlySet<string> = new Set(['', 'deep', 'replace', 'append', 'prepend', 'union']);

/** What is allowed and yet hardly meant: it loads, and then decides otherwise than its author is likely to expect. */
export function warnings(sourced: SourcedDomain, parsed: readonly ParsedSubject[]): readonly Problem[] {
  const { domain } = sourced;
  const found: Problem[] = [];
  const warn = (subject: Subject, field: string | undefined, message: string): void => {
    const detail = { source: 'schema', class: 'structure', severity: 'warning', message } as const;
    found.push(problemOf(subject, field === undefined ? detail : { ...detail, field }));
  };
  const each = <E extends { readonly mrn?: string; readonly name: string }>(
    kind: EntityKind,
    path: string,
    entities: readonly E[],
    visit: (subject: Subject, entity: E, index: number) => void,
  ): void => {
    for (const [index, entity] of entities.entries())
      visit(subjectAt(sourced, kind, path, index, entity), entity, index);
  };

  const policyField = (subject: Subject, { policy }: { readonly policy: string }): void => {
    if (policy === '')
      warn(subject, 'policy', `the ${subject.kind} has no policy: every decision that asks it is a denial`);
    else if (policy.includes('/') && subject.kind !== 'operation') {
      warn(
        subject,
        'policy',
        `'${policy}' is looked up as it stands: a ${subject.kind} finds policies by plain id only`,
      );
    }
  };
  each('role', 'roles', domain.roles, policyField);
  each('scope', 'scopes', domain.scopes, policyField);
  each('resource-group', 'resourceGroups', domain.resourceGroups, policyField);
  each('operation', 'operations', domain.operations, policyField);
  each('group', 'groups', domain.groups, (subject, { roles }) => {
    for (const [index, role] of roles.entries()) {
      if (role.includes('/'))
        warn(
          subject,
          `roles/${String(index)}`,
          `'${role}' is looked up as it stands: roles are found by plain id only`,
        );
    }
  });
  each('resource', 'resources', domain.resources, (subject, { group }) => {
    if (group === '')
      warn(subject, 'group', 'a resource without a group is denied; the default group does not take it');
    else if (group.includes('/'))
      warn(subject, 'group', `'${group}' is looked up as it stands: groups are found by plain id only`);
  });
  each('mapper', 'mappers', domain.mappers, (subject, _mapper, index) => {
    if (index > 0)
      warn(subject, undefined, 'a domain with several mappers can serve none: selectors of mappers do not count');
  });
  let defaults = 0;
  each('resource-group', 'resourceGroups', domain.resourceGroups, (subject, group) => {
    if (group.default && ++defaults > 1)
      warn(subject, 'default', 'there is a default group already; the first one counts');
  });
  const annotated = [
    ['role', 'roles', domain.roles],
    ['group', 'groups', domain.groups],
    ['resource-group', 'resourceGroups', domain.resourceGroups],
    ['resource', 'resources', domain.resources],
    ['scope', 'scopes', domain.scopes],
  ] as const;
  for (const [kind, path, entities] of annotated) {
    for (const [index, entity] of entities.entries()) {
      const subject = subjectAt(sourced, kind, path, index, entity);
      for (const message of annotationWarnings(entity.annotations)) warn(subject, 'annotations', message);
    }
  }
  for (const { subject, tree, entrypoint } of parsed) {
    if (tree === undefined || entrypoint === undefined) continue;
    const wanted = entrypoint.split('/').slice(0, -1);
    if (tree.package.join('/') === wanted.join('/')) continue;
    // A library of its closure may define the rule instead; that is rare enough to be worth a remark.
    warn(
      subject,
      'rego',
      `the package is '${tree.package.join('.')}'; decisions ask data.${entrypoint.replaceAll('/', '.')}`,
    );
  }
  return found;
}

function annotationWarnings(annotations: readonly AnnotationEntry[]): readonly string[] {
  const messages: string[] = [];
  const names = new Set<string>();
  for (const { name, value, merge } of annotations) {
    if (names.has(name)) messages.push(`annotation '${name}' is given twice; the last one counts`);
    names.add(name);
    if (name === '') messages.push('an annotation has no name');
    if (!mergeStrategies.has(merge)) messages.push(`annotation '${name}': merge '${merge}' is unknown and means deep`);
    if (holdsUnencodable(value))
      messages.push(`annotation '${name}' holds what JSON cannot: every decision with it is a denial`);
  }
  return messages;
}

function holdsUnencodable(value: AnnotationValue): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof Unencodable || Object.values(value).some((member) => holdsUnencodable(member));
}
