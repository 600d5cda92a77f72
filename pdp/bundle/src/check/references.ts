import { parseReference } from '../references.ts';
import { problemOf, subjectAt } from './subject.ts';
import type { DomainModel } from '../model.ts';
import type { EntityKind, Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';
import type { Subject } from './subject.ts';

type TargetSection = 'policies' | 'libraries' | 'roles' | 'resourceGroups';

const targetWords: Readonly<Record<TargetSection, string>> = {
  policies: 'policy',
  libraries: 'library',
  roles: 'role',
  resourceGroups: 'resource group',
};

/**
 * Every reference of `checked` that leads nowhere. `known` are the domains that can be referred to; the first of equal
 * names counts. Empty references are accepted here, as the reference engine does, and fail when they are used.
 */
export function referenceProblems(
  checked: readonly SourcedDomain[],
  known: readonly DomainModel[],
): readonly Problem[] {
  const targets = new TargetIndex(known);
  return checked.flatMap((sourced) => {
    const { domain } = sourced;
    const collector = new Collector(sourced, targets);
    collector.each('role', 'roles', domain.roles, ({ policy }) => [['policy', policy, 'policies']]);
    collector.each('scope', 'scopes', domain.scopes, ({ policy }) => [['policy', policy, 'policies']]);
    collector.each('resource-group', 'resourceGroups', domain.resourceGroups, ({ policy }) => [
      ['policy', policy, 'policies'],
    ]);
    collector.each('operation', 'operations', domain.operations, ({ policy }) => [['policy', policy, 'policies']]);
    collector.each('group', 'groups', domain.groups, ({ roles }) => listed('roles', roles, 'roles'));
    collector.each('resource', 'resources', domain.resources, ({ group }) => [['group', group, 'resourceGroups']]);
    const dependencies = (entity: { readonly dependencies: readonly string[] }) =>
      listed('dependencies', entity.dependencies, 'libraries');
    collector.each('policy', 'policies', domain.policies, dependencies);
    collector.each('library', 'libraries', domain.libraries, dependencies);
    return collector.problems;
  });
}

type Use = readonly [field: string, reference: string, target: TargetSection];

function listed(field: string, references: readonly string[], target: TargetSection): readonly Use[] {
  return references.map((reference, index) => [`${field}/${String(index)}`, reference, target]);
}

class Collector {
  readonly problems: Problem[] = [];
  readonly #sourced: SourcedDomain;
  readonly #targets: TargetIndex;

  constructor(sourced: SourcedDomain, targets: TargetIndex) {
    this.#sourced = sourced;
    this.#targets = targets;
  }

  each<E extends { readonly mrn?: string; readonly name: string }>(
    kind: EntityKind,
    path: string,
    entities: readonly E[],
    uses: (entity: E) => readonly Use[],
  ): void {
    for (const [index, entity] of entities.entries()) {
      const subject = subjectAt(this.#sourced, kind, path, index, entity);
      for (const use of uses(entity)) this.#check(subject, use);
    }
  }

  #check(subject: Subject, [field, reference, target]: Use): void {
    if (reference === '') return;
    const add = (problemClass: Problem['class'], message: string): void => {
      this.problems.push(problemOf(subject, { source: 'reference', class: problemClass, field, message }));
    };
    const parsed = parseReference(reference);
    if (!parsed.ok) {
      add('reference-format', `reference '${reference}' is neither an id nor domain/id`);
      return;
    }
    const home = parsed.domain ?? this.#sourced.domain.name;
    const found = this.#targets.has(home, target, parsed.id);
    if (found === 'unknown-domain')
      add('unknown-domain', `reference '${reference}' names the unknown domain '${home}'`);
    else if (!found) add('reference', `${targetWords[target]} '${parsed.id}' is not defined in domain '${home}'`);
  }
}

class TargetIndex {
  readonly #domains = new Map<string, Readonly<Record<TargetSection, ReadonlySet<string>>>>();

  constructor(domains: readonly DomainModel[]) {
    const mrns = (entities: readonly { readonly mrn: string }[]) => new Set(entities.map(({ mrn }) => mrn));
    for (const domain of domains) {
      if (this.#domains.has(domain.name)) continue;
      this.#domains.set(domain.name, {
        policies: mrns(domain.policies),
        libraries: mrns(domain.libraries),
        roles: mrns(domain.roles),
        resourceGroups: mrns(domain.resourceGroups),
      });
    }
  }

  has(domain: string, section: TargetSection, id: string): boolean | 'unknown-domain' {
    return this.#domains.get(domain)?.[section].has(id) ?? 'unknown-domain';
  }
}
