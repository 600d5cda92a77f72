import { parseReference } from './references.ts';
import type { DomainModel, PolicyEntity } from './model.ts';

/** A policy or library together with the domain that defines it. */
export interface LocatedPolicy {
  readonly domain: DomainModel;
  readonly entity: PolicyEntity;
}

/** Domains by name with their policies and libraries by MRN. Built once for a set; looking up is constant time. */
export interface DomainIndex {
  /** The domains that count, in the order given: of several with one name, the first. */
  readonly domains: readonly DomainModel[];
  readonly domain: (name: string) => DomainModel | undefined;
  /** `reference` may be qualified; unqualified ones look into `referringDomain` only. */
  readonly policy: (reference: string, referringDomain: string) => LocatedPolicy | undefined;
  /** `reference` may be qualified; unqualified ones look into `referringDomain` only. */
  readonly library: (reference: string, referringDomain: string) => LocatedPolicy | undefined;
}

interface Entry {
  readonly domain: DomainModel;
  readonly policies: ReadonlyMap<string, PolicyEntity>;
  readonly libraries: ReadonlyMap<string, PolicyEntity>;
}

/** Indexes domains: the first of equal names wins, within a domain the last of equal MRNs. */
export function indexDomains(domains: readonly DomainModel[]): DomainIndex {
  const entries = new Map<string, Entry>();
  for (const domain of domains) {
    if (entries.has(domain.name)) continue;
    entries.set(domain.name, { domain, policies: byMrn(domain.policies), libraries: byMrn(domain.libraries) });
  }
  const find = (section: 'policies' | 'libraries') => (reference: string, referringDomain: string) => {
    const parsed = parseReference(reference);
    if (!parsed.ok) return undefined;
    const entry = entries.get(parsed.domain ?? referringDomain);
    const entity = entry?.[section].get(parsed.id);
    return entry === undefined || entity === undefined ? undefined : { domain: entry.domain, entity };
  };
  return {
    domains: [...entries.values()].map((entry) => entry.domain),
    domain: (name) => entries.get(name)?.domain,
    policy: find('policies'),
    library: find('libraries'),
  };
}

function byMrn(entities: readonly PolicyEntity[]): ReadonlyMap<string, PolicyEntity> {
  return new Map(entities.map((entity) => [entity.mrn, entity]));
}
