import { qualifyReference } from '../references.ts';
import type { RegoModule } from '@edict/rego';
import type { RegoSubject } from '../check/rego.ts';
import type { DomainIndex } from '../domain-index.ts';

/**
 * The modules of `starts` and of all libraries that they reach; references that lead nowhere are passed over, and
 * cycles end where they began. Modules are named by MRN, the later of equal ones counts.
 */
export function reachableModules(
  index: DomainIndex,
  domainName: string,
  starts: readonly RegoSubject[],
): readonly RegoModule[] {
  const modules = new Map<string, string>();
  const seen = new Set<string>();
  const pending = starts.flatMap(({ module, dependencies }) => {
    modules.set(module.name, module.source);
    return dependencies.map((dependency) => qualifyReference(dependency, domainName));
  });
  for (let reference = pending.shift(); reference !== undefined; reference = pending.shift()) {
    if (seen.has(reference)) continue;
    seen.add(reference);
    const library = index.library(reference, domainName);
    if (library === undefined) continue;
    const { entity, domain } = library;
    modules.set(entity.mrn, entity.rego);
    pending.push(...entity.dependencies.map((dependency) => qualifyReference(dependency, domain.name)));
  }
  return Array.from(modules, ([name, source]) => ({ name, source }));
}
