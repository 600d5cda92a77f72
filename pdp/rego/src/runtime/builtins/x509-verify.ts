import { constants, verify } from 'node:crypto';
import { parseAddress, unmapAddress } from './ip-address.ts';
import { attempt } from './jwt-keys.ts';
import type { Certificate } from './x509-certificate.ts';
import { isWithinConstraints } from './x509-constraints.ts';
import { SUBJECT_ALT_NAME } from './x509-extensions.ts';
import { KEY_ALGORITHM } from './x509-keys.ts';
import { addressValue } from './x509-names.ts';
import { arePoliciesValid } from './x509-policies.ts';

/** What a chain is checked for. */
export interface VerifyOptions {
  /** Nanoseconds since the epoch. */
  readonly now: bigint;
  /** Host name or address that the leaf must be for; empty means that any is right. */
  readonly hostName: string;
  /** Go's numbers of extended key usages, of which one must be allowed. */
  readonly usages: readonly number[];
}

/** How many signatures are checked for one chain at most. */
export const MAX_SIGNATURE_CHECKS = 100;

/** Smallest RSA key that counts, in bits. */
const MIN_RSA_BITS = 1024;

const ANY_USAGE = 0;
const SERVER_AUTH = 1;
const SIGNS_CERTIFICATES = 1 << 5;

/** The first valid chain from the last certificate up to the first one, the others may be between; or undefined. */
export function verifyChain(
  certificates: readonly Certificate[],
  options: VerifyOptions,
): readonly Certificate[] | undefined {
  const root = certificates[0];
  const leaf = certificates[certificates.length - 1];
  if (root === undefined || leaf === undefined || certificates.length < 2) return undefined;
  if (!isAcceptable(leaf, 'leaf', [], options)) return undefined;
  if (options.hostName !== '' && !isForHost(leaf, options.hostName)) return undefined;
  const search: Search = { root, between: distinct(certificates.slice(1, -1)), options, checks: 0 };
  const chains = leaf.raw.equals(root.raw) ? [[leaf]] : findChains(leaf, [leaf], search);
  const usages = options.usages.length === 0 ? [SERVER_AUTH] : options.usages;
  return chains.find(
    (chain) =>
      (chain.length === 1 || arePoliciesValid(chain)) &&
      (usages.includes(ANY_USAGE) || areUsagesAllowed(chain, usages)) &&
      isWithinConstraints(chain),
  );
}

interface Search {
  readonly root: Certificate;
  readonly between: readonly Certificate[];
  readonly options: VerifyOptions;
  checks: number;
}

type Chain = readonly Certificate[];

function findChains(child: Certificate, chain: Chain, search: Search): readonly Chain[] {
  const found: Chain[] = [];
  if (accept(child, search.root, 'root', chain, search)) found.push([...chain, search.root]);
  const parents = search.between.filter(({ rawSubject }) => rawSubject.equals(child.rawIssuer));
  // Those whose key the child names first, then those where one of the two does not say.
  for (const parent of parents.toSorted((a, b) => keyDistance(a, child) - keyDistance(b, child))) {
    if (search.checks >= MAX_SIGNATURE_CHECKS) break;
    if (accept(child, parent, 'between', chain, search)) {
      found.push(...findChains(parent, [...chain, parent], search));
    }
  }
  return found;
}

function accept(
  child: Certificate,
  parent: Certificate,
  place: 'root' | 'between',
  chain: Chain,
  search: Search,
): boolean {
  if (!parent.rawSubject.equals(child.rawIssuer)) return false;
  search.checks++;
  if (search.checks > MAX_SIGNATURE_CHECKS || isInChain(parent, chain)) return false;
  return isSignedBy(child, parent) && isAcceptable(parent, place, chain, search.options);
}

function keyDistance(parent: Certificate, child: Certificate): number {
  const own = parent.facts.subjectKeyId ?? Buffer.alloc(0);
  const named = child.facts.authorityKeyId ?? Buffer.alloc(0);
  if (own.equals(named)) return 0;
  return own.length === 0 || named.length === 0 ? 1 : 2;
}

function distinct(certificates: readonly Certificate[]): readonly Certificate[] {
  return [...new Map(certificates.map((certificate) => [certificate.raw.toString('base64'), certificate])).values()];
}

/** The same subject with the same key and the same names is in the chain already. */
function isInChain(candidate: Certificate, chain: Chain): boolean {
  const names = namesOf(candidate);
  for (const certificate of chain) {
    if (!certificate.rawSubject.equals(candidate.rawSubject) || !certificate.key.raw.equals(candidate.key.raw))
      continue;
    const others = namesOf(certificate);
    if (names === undefined || others === undefined) return names === others;
    if (names.equals(others)) return true;
  }
  return false;
}

function namesOf(certificate: Certificate): Buffer | undefined {
  return certificate.extensions.find(({ id }) => id === SUBJECT_ALT_NAME)?.value;
}

function isAcceptable(
  certificate: Certificate,
  place: 'leaf' | 'between' | 'root',
  chain: Chain,
  { now }: VerifyOptions,
): boolean {
  const { facts } = certificate;
  if (facts.unhandled.length > 0) return false;
  if (now < toNs(certificate.notBefore) || now > toNs(certificate.notAfter)) return false;
  if (place === 'between' && (!facts.basicConstraintsValid || !facts.isAuthority)) return false;
  return !facts.basicConstraintsValid || facts.maxPathLength < 0 || chain.length - 1 <= facts.maxPathLength;
}

function toNs(time: number): bigint {
  return BigInt(time) * 1_000_000n;
}

function isSignedBy(child: Certificate, parent: Certificate): boolean {
  const { facts, version } = parent;
  if ((version === 3 && !facts.basicConstraintsValid) || (facts.basicConstraintsValid && !facts.isAuthority)) {
    return false;
  }
  if (facts.keyUsage !== 0 && (facts.keyUsage & SIGNS_CERTIFICATES) === 0) return false;
  const { hash, isPss, key: algorithm } = child.signatureAlgorithm;
  const isWeak = hash === 'md5' || hash === 'sha1' || algorithm === KEY_ALGORITHM.dsa;
  if (isWeak || algorithm === KEY_ALGORITHM.unknown || algorithm !== parent.key.algorithm) return false;
  const key = parent.key.load();
  if (key === undefined) return false;
  if (algorithm === KEY_ALGORITHM.rsa && (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) return false;
  const padding = isPss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : {};
  const check = attempt(() => verify(hash, child.signed, { key, ...padding }, child.signature));
  return check.ok && check.value;
}

/** Tells whether every certificate that limits its usages leaves one of the wanted ones. */
function areUsagesAllowed(chain: Chain, wanted: readonly number[]): boolean {
  const limits = chain
    .filter(({ facts }) => facts.usages.length + facts.unknownUsages.length > 0)
    .filter(({ facts }) => !facts.usages.includes(ANY_USAGE));
  return wanted.some((usage) => limits.every(({ facts }) => facts.usages.includes(usage)));
}

function isForHost(certificate: Certificate, host: string): boolean {
  const { names } = certificate.facts;
  const bare = /^\[(.+)\]$/s.exec(host)?.[1] ?? host;
  const address = parseAddress(bare);
  if (address !== undefined) {
    const wanted = unmapAddress(address);
    return names.addresses.some((bytes) => {
      const own = parseAddress(addressValue(bytes));
      return own !== undefined && own.bits === wanted.bits && own.value === wanted.value;
    });
  }
  const wanted = host.toLowerCase();
  const isPlain = isHostName(wanted.replace(/\.$/, ''), false);
  return names.dns.some((pattern) =>
    isPlain && isHostName(pattern, true)
      ? matchesPattern(pattern.toLowerCase(), wanted.replace(/\.$/, ''))
      : pattern !== '' && pattern !== '.' && pattern.toLowerCase() === wanted,
  );
}

function isHostName(text: string, isPattern: boolean): boolean {
  if (text === '*') return false;
  return text
    .split('.')
    .every((label, index) => (isPattern && index === 0 && label === '*') || /^[A-Za-z0-9_][A-Za-z0-9_-]*$/.test(label));
}

function matchesPattern(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === pattern.slice(1);
}
