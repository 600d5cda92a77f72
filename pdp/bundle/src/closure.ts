import { createHash } from 'node:crypto';
import { qualifyReference } from './references.ts';
import type { RegoModule } from '@edict/rego';
import type { DomainIndex, LocatedPolicy } from './domain-index.ts';

/** Names one policy or library: the domain that defines it and its MRN. */
export interface PolicyRef {
  readonly domain: string;
  readonly mrn: string;
}

/** A policy or one of its libraries cannot be found, or libraries depend on each other in a circle. */
export class ClosureError extends Error {
  override readonly name = 'ClosureError';
  readonly code: 'unknown-policy' | 'unknown-library' | 'cycle';
  /** The reference that could not be followed, as written. */
  readonly reference: string;
  constructor(code: ClosureError['code'], reference: string, message: string) {
    super(message);
    this.code = code;
    this.reference = reference;
  }
}

/**
 * The libraries that a policy or library needs, in the order in which the fingerprint hashes them: each dependency as
 * listed, followed by its own ones depth first. Texts decide what is a repetition: `x` and `domain/x` are two entries.
 * @throws ClosureError `unknown-library` or `cycle`
 */
export function dependencyClosure(index: DomainIndex, start: LocatedPolicy): readonly LocatedPolicy[] {
  const closure = new Map<string, LocatedPolicy>();
  const path: string[] = [];
  const visit = (text: string, referringDomain: string): void => {
    if (closure.has(text)) return;
    const library = index.library(text, referringDomain);
    if (library === undefined) {
      throw new ClosureError('unknown-library', text, `library '${text}' not found from domain '${referringDomain}'`);
    }
    const qualified = `${library.domain.name}/${library.entity.mrn}`;
    if (path.includes(qualified)) {
      throw new ClosureError('cycle', text, `library dependency cycle: ${[...path, qualified].join(' -> ')}`);
    }
    closure.set(text, library);
    path.push(qualified);
    const home = library.domain.name;
    for (const dependency of library.entity.dependencies) visit(qualifyReference(dependency, home), home);
    path.pop();
  };
  for (const dependency of start.entity.dependencies) visit(dependency, start.domain.name);
  return [...closure.values()];
}

/**
 * The Rego modules that a policy is compiled from: its own text and its libraries', each named by its MRN. Where two
 * share an MRN the later one replaces the earlier, the policy's own included, as the reference engine does.
 * @throws ClosureError
 */
export function policyModules(index: DomainIndex, ref: PolicyRef): readonly RegoModule[] {
  return modulesOf(index, locate(index, 'policy', ref));
}

/**
 * The same for a library that is compiled on its own.
 * @throws ClosureError
 */
export function libraryModules(index: DomainIndex, ref: PolicyRef): readonly RegoModule[] {
  return modulesOf(index, locate(index, 'library', ref));
}

/**
 * What identifies a policy's meaning in access records: base64 of the SHA-256 over its MRN, its Rego and the Rego of
 * its closure in order.
 * @throws ClosureError
 */
export function policyFingerprint(index: DomainIndex, ref: PolicyRef): string {
  const policy = locate(index, 'policy', ref);
  const hash = createHash('sha256').update(policy.entity.mrn).update(policy.entity.rego);
  for (const library of dependencyClosure(index, policy)) hash.update(library.entity.rego);
  return hash.digest('base64');
}

function modulesOf(index: DomainIndex, start: LocatedPolicy): readonly RegoModule[] {
  const sources = new Map([[start.entity.mrn, start.entity.rego]]);
  for (const { entity } of dependencyClosure(index, start)) sources.set(entity.mrn, entity.rego);
  return Array.from(sources, ([name, source]) => ({ name, source }));
}

function locate(index: DomainIndex, section: 'policy' | 'library', ref: PolicyRef): LocatedPolicy {
  const domain = index.domain(ref.domain);
  const entities = section === 'policy' ? domain?.policies : domain?.libraries;
  // The last definition of an MRN wins; an MRN may hold a slash, so it is looked up as it is and not as a reference.
  const entity = entities?.findLast((candidate) => candidate.mrn === ref.mrn);
  if (domain === undefined || entity === undefined) {
    const code = section === 'policy' ? 'unknown-policy' : 'unknown-library';
    throw new ClosureError(code, ref.mrn, `${section} '${ref.mrn}' not found in domain '${ref.domain}'`);
  }
  return { domain, entity };
}
