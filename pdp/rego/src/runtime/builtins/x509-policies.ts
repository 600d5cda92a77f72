import type { Certificate } from './x509-certificate.ts';

const ANY_POLICY = '2.5.29.32.0';

/**
 * Tells whether a chain, given from the leaf upwards, keeps to the policies that its authorities require (RFC 5280, 6.1,
 * with any policy accepted by the user). The policies that are valid so far are a set; without any it is empty.
 */
export function arePoliciesValid(chain: readonly Certificate[]): boolean {
  const length = chain.length - 1;
  let valid: ReadonlySet<string> = new Set([ANY_POLICY]);
  let explicit = length + 1;
  let mapping = length + 1;
  let inhibitAny = length + 1;
  for (let index = length - 1; index >= 0; index--) {
    const certificate = chain[index];
    if (certificate === undefined) return false;
    const { facts } = certificate;
    const isSelfIssued = certificate.rawIssuer.equals(certificate.rawSubject);
    const keepsAny = inhibitAny > 0 || (index > 0 && isSelfIssued);
    valid = narrow(valid, facts.policies ?? [], keepsAny);
    if (explicit === 0 && valid.size === 0) return false;
    if (index === 0) break;
    if (facts.policyMappings.length > 0 && valid.size > 0) {
      const mapped = applyMappings(valid, facts.policyMappings, mapping > 0);
      if (mapped === undefined) return false;
      valid = mapped;
    }
    if (!isSelfIssued) {
      explicit = Math.max(0, explicit - 1);
      mapping = Math.max(0, mapping - 1);
      inhibitAny = Math.max(0, inhibitAny - 1);
    }
    explicit = Math.min(explicit, limit(facts.requireExplicitPolicy));
    mapping = Math.min(mapping, limit(facts.inhibitPolicyMapping));
    inhibitAny = Math.min(inhibitAny, limit(facts.inhibitAnyPolicy));
  }
  if (chain[0]?.facts.requireExplicitPolicy === 0n) explicit = 0;
  return explicit > 1 || valid.size > 0;
}

function narrow(valid: ReadonlySet<string>, policies: readonly string[], keepsAny: boolean): ReadonlySet<string> {
  if (keepsAny && policies.includes(ANY_POLICY)) {
    return valid.has(ANY_POLICY) ? new Set([...valid, ...policies]) : valid;
  }
  return new Set(policies.filter((policy) => policy !== ANY_POLICY && (valid.has(policy) || valid.has(ANY_POLICY))));
}

/** Undefined if a mapping names any policy, which none may. */
function applyMappings(
  valid: ReadonlySet<string>,
  mappings: Certificate['facts']['policyMappings'],
  isAllowed: boolean,
): ReadonlySet<string> | undefined {
  if (isAllowed && mappings.some(({ issuer, subject }) => issuer === ANY_POLICY || subject === ANY_POLICY)) {
    return undefined;
  }
  const issuers = new Set(mappings.map(({ issuer }) => issuer));
  const result = new Set([...valid].filter((policy) => !issuers.has(policy)));
  if (!isAllowed) return result;
  for (const { issuer, subject } of mappings) {
    if (valid.has(issuer) || valid.has(ANY_POLICY)) result.add(subject);
  }
  return result;
}

function limit(counter: bigint | undefined): number {
  return counter === undefined || counter < 0n ? Infinity : Number(counter);
}
