import { compileSelector } from '../selector.ts';
import type { EntityKind, Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';

/** Every selector of operations, resources and mappers that does not compile. */
export function selectorProblems(sourced: SourcedDomain, source: Problem['source']): readonly Problem[] {
  const { domain, file, places } = sourced;
  const problems: Problem[] = [];
  const visit = (
    kind: EntityKind,
    path: string,
    entities: readonly { readonly name: string; readonly selector: readonly string[] }[],
  ): void => {
    for (const [index, { name, selector }] of entities.entries()) {
      for (const [element, text] of selector.entries()) {
        const compiled = compileSelector(text);
        if (compiled.ok) continue;
        const field = `${path}/${String(index)}/selector`;
        const place = places.get(`${field}/${String(element)}`) ?? places.get(field);
        problems.push({
          ...{ source, severity: 'error', class: 'selector-regex', file, domain: domain.name, kind, mrn: name },
          ...{ field: 'selector', ...place, message: `selector '${text}' is not a valid expression: ${compiled.error}` },
        });
      }
    }
  };
  visit('operation', 'operations', domain.operations);
  visit('resource', 'resources', domain.resources);
  visit('mapper', 'mappers', domain.mappers);
  return problems;
}
