import { rewriteDataRefs } from '@edict/rego/syntax';
import { ClosureError, policyModules } from '../closure.ts';
import { indexDomains } from '../domain-index.ts';
import { BundleError } from './bundle-error.ts';
import type { RegoModule } from '@edict/rego';
import type { DomainModel } from '../model.ts';

/** A policy or mapper, re-packaged so that it can stand beside others in one OPA. */
export interface OpaPackage {
  readonly kind: 'policy' | 'mapper';
  /** The policy's MRN, or the mapper's name. */
  readonly id: string;
  /** Where its answer is found: `['edict', 'shop', 'policies', 'mrn:…', 'authz', 'allow']`. */
  readonly entrypoint: readonly string[];
  readonly sources: readonly string[];
}

/** A policy that could not be re-packaged from its domain alone. */
export interface OmittedPolicy {
  readonly id: string;
  readonly reason: string;
}

/** Every policy and mapper of a domain, each below a prefix of its own. */
export interface OpaPackages {
  readonly packages: readonly OpaPackage[];
  readonly omitted: readonly OmittedPolicy[];
}

/**
 * Re-packages each policy with its libraries, and each mapper, below `root`: what they say of `data.x` then means
 * `data.<root>.<their prefix>.x`, so that several `package authz` do not meet. Policies that need libraries of other
 * domains are left out: a bundle is made from one domain.
 * @throws BundleError `rego-parse`
 */
export function opaPackages(domain: DomainModel, root: readonly string[]): OpaPackages {
  const index = indexDomains([domain]);
  const packages: OpaPackage[] = [];
  const omitted: OmittedPolicy[] = [];
  // Of several policies with one MRN the last counts, as it does for decisions.
  const mrns = new Set(domain.policies.map(({ mrn }) => mrn));
  for (const mrn of mrns) {
    const prefix = [...root, 'policies', mrn];
    let modules: readonly RegoModule[];
    try {
      modules = policyModules(index, { domain: domain.name, mrn });
    } catch (error) {
      if (!(error instanceof ClosureError)) throw error;
      omitted.push({ id: mrn, reason: error.message });
      continue;
    }
    const sources = modules.map((module) => repackage(module, prefix));
    packages.push({ kind: 'policy', id: mrn, entrypoint: [...prefix, 'authz', 'allow'], sources });
  }
  for (const [position, { name, rego }] of domain.mappers.entries()) {
    // Names of mappers need not be unique, and mean nothing: their place tells them apart.
    const prefix = [...root, 'mappers', String(position)];
    const sources = [repackage({ name, source: rego }, prefix)];
    packages.push({ kind: 'mapper', id: name, entrypoint: [...prefix, 'mapper', 'porc'], sources });
  }
  return { packages, omitted };
}

function repackage({ name, source }: RegoModule, prefix: readonly string[]): string {
  const rewritten = rewriteDataRefs(source, name, 'v0', prefix);
  if ('source' in rewritten) return rewritten.source;
  const [first] = rewritten.diagnostics;
  const place = first === undefined ? '' : `:${String(first.location.row)}:${String(first.location.col)}`;
  throw new BundleError('rego-parse', `${name}${place}: ${first?.message ?? 'the Rego text does not parse'}`);
}
