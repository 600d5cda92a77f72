import { parseAddress } from './ip-address.ts';
import type { Certificate } from './x509-certificate.ts';
import type { AddressRange, ExtensionFacts, NameConstraints } from './x509-extensions.ts';
import { parseMailbox } from './x509-mailbox.ts';
import { isDomainName } from './x509-names.ts';

/** Tells whether every authority of a chain, given from the leaf upwards, may vouch for the names below it. */
export function isWithinConstraints(chain: readonly Certificate[]): boolean {
  return chain.every((certificate, index) => {
    if (!certificate.facts.hasNames) return true;
    const above = chain.slice(index + 1).filter(({ facts }) => facts.hasConstraints);
    return above.every(({ facts }) => areNamesAllowed(certificate, facts));
  });
}

function areNamesAllowed(certificate: Certificate, { permitted, excluded }: ExtensionFacts): boolean {
  const { dns, emails, addresses, uris } = certificate.facts.names;
  const hosts: string[] = [];
  for (const { parts } of uris) {
    const host = parts.host.replace(/:\d*$/, '').toLowerCase();
    // URIs without a host name cannot be compared with constraints.
    if (host === '' || host.startsWith('[') || parseAddress(host) !== undefined) return false;
    hosts.push(host);
  }
  return (
    addresses.every((address) => isAllowed(permitted, excluded, 'addresses', (range) => isInRange(range, address))) &&
    dns.every((name) => isDomainName(name) && isDnsAllowed(permitted.dns, excluded.dns, name)) &&
    hosts.every((host) => isDomainName(host) && isDnsAllowed(permitted.uris, excluded.uris, host)) &&
    emails.every((email) => isEmailAllowed(permitted, excluded, email))
  );
}

function isAllowed<K extends keyof NameConstraints>(
  permitted: NameConstraints,
  excluded: NameConstraints,
  kind: K,
  matches: (constraint: NameConstraints[K][number]) => boolean,
): boolean {
  const allowed: readonly NameConstraints[K][number][] = permitted[kind];
  const forbidden: readonly NameConstraints[K][number][] = excluded[kind];
  return (allowed.length === 0 || allowed.some(matches)) && !forbidden.some(matches);
}

function isInRange({ address, mask }: AddressRange, candidate: Buffer): boolean {
  if (address.length !== candidate.length) return false;
  return candidate.every((byte, index) => ((byte ^ (address[index] ?? 0)) & (mask[index] ?? 0)) === 0);
}

function isDnsAllowed(permitted: readonly string[], excluded: readonly string[], name: string): boolean {
  if (permitted.length > 0 && !permitted.some((constraint) => isSubdomain(constraint, name))) return false;
  return !excluded.some((constraint) => isSubdomain(constraint, name) || isCovered(constraint, name));
}

/** A constraint covers a name that ends with it at a dot; with a leading dot it does not cover the domain itself. */
function isSubdomain(constraint: string, name: string): boolean {
  if (constraint === '') return true;
  const suffix = constraint.toLowerCase();
  const domain = name.toLowerCase();
  if (!domain.endsWith(suffix)) return false;
  return suffix.startsWith('.') || domain.length === suffix.length || domain[domain.length - suffix.length - 1] === '.';
}

/** A wildcard name stands for a name that is excluded. */
function isCovered(constraint: string, name: string): boolean {
  const dot = constraint.indexOf('.');
  return (
    name.startsWith('*') &&
    dot >= 0 &&
    name.slice(name.indexOf('.')).toLowerCase() === constraint.slice(dot).toLowerCase()
  );
}

function isEmailAllowed(permitted: NameConstraints, excluded: NameConstraints, email: string): boolean {
  const mailbox = parseMailbox(email);
  if (mailbox === undefined || !isDomainName(mailbox.domain)) return false;
  return isAllowed(permitted, excluded, 'emails', (constraint) => {
    if (!constraint.includes('@')) return isSubdomain(constraint, mailbox.domain);
    const exact = parseMailbox(constraint);
    return exact?.local === mailbox.local && exact.domain.toLowerCase() === mailbox.domain.toLowerCase();
  });
}
