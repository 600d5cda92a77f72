import type { SourcedDomain } from '../sourced-domain.ts';

/** The domains that a loader keeps: of several with one name, the first. */
export function firstOfEachName(domains: readonly SourcedDomain[]): readonly SourcedDomain[] {
  const names = new Set<string>();
  return domains.filter(({ domain: { name } }) => !names.has(name) && names.add(name));
}
