import { compileSelector } from '../selector.ts';
import { problemOf, subjectAt } from './subject.ts';
import type { EntityKind, Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

/** Every selector of operations, resources and mappers that does not compile. */
export function selectorProblems(sourced: SourcedDomain, source: Problem['source']): readonly Problem[] {
  const { domain } = sourced;
  const problems: Problem[] = [];
  const visit = (
    kind: EntityKind,
    path: string,
    entities: readonly { readonly name: string; readonly selector: readonly string[] }[],
  ): void => {
    for (const [index, entity] of entities.entries()) {
      for (const [element, text] of entity.selector.entries()) {
        const compiled = compileSelector(text);
        if (compiled.ok) continue;
        const message = `selector '${text}' is not a valid expression: ${compiled.error}`;
        const field = `selector/${String(element)}`;
        const subject = subjectAt(sourced, kind, path, index, entity);
        problems.push(problemOf(subject, { source, class: 'selector-regex', field, message }));
      }
    }
  };
  visit('operation', 'operations', domain.operations);
  visit('resource', 'resources', domain.resources);
  visit('mapper', 'mappers', domain.mappers);
  return problems;
}
