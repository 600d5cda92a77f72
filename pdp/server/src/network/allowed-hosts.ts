import { isIP, type BlockList } from 'node:net';
import { blocksOf, isLoopbackAddress, isPublicAddress, isWithin } from './public-address.ts';

/** An entry of the allow list that is none. */
export class AllowedHostsError extends Error {
  override readonly name = 'AllowedHostsError';
  readonly code = 'InvalidAllowedHost';
}

const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?';
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*\\.?$`);

/**
 * Which hosts policies may reach. Entries are names (`api.example.com`), suffixes (`*.example.com`, which is not
 * `example.com` itself), `*` for any name and any public address, addresses, and networks (`10.96.0.0/12`).
 *
 * A name must be listed before it is even resolved, and the address that it turns out to have must be public or in a listed
 * network: no name, whoever answers for it, leads to private, link-local or metadata addresses that nobody listed. The one
 * exception is `localhost`, listed as such, which means the machine itself.
 */
export class AllowedHosts {
  readonly #names = new Set<string>();
  readonly #suffixes: string[] = [];
  readonly #networks: BlockList;
  #any = false;

  /** @throws AllowedHostsError */
  constructor(entries: readonly string[]) {
    const networks: string[] = [];
    for (const entry of entries) {
      const network = networkOf(entry);
      if (entry === '*') this.#any = true;
      else if (network !== undefined) networks.push(network);
      else if (entry.startsWith('*.') && NAME.test(entry.slice(2))) this.#suffixes.push(plainName(entry.slice(1)));
      else if (NAME.test(entry) && !/^[0-9.]+$/.test(entry)) this.#names.add(plainName(entry));
      else throw new AllowedHostsError(`'${entry}' is no host name, *.suffix, *, address or network`);
    }
    this.#networks = blocksOf(networks);
  }

  /** Whether a host (a name, or an address without brackets) may be asked for; its address is judged on its own. */
  allowsHost(host: string): boolean {
    if (isIP(host) !== 0) return this.allowsAddress(host, host);
    const name = plainName(host);
    return this.#any || this.#names.has(name) || this.#suffixes.some((suffix) => name.endsWith(suffix));
  }

  /** Whether an address may be connected to for a host that is allowed. */
  allowsAddress(host: string, address: string): boolean {
    const bare = address.replace(/%.*$/, '');
    if (isWithin(this.#networks, bare)) return true;
    if (isIP(host) !== 0) return this.#any && isPublicAddress(bare);
    if (isPublicAddress(bare)) return true;
    return plainName(host) === 'localhost' && this.#names.has('localhost') && isLoopbackAddress(bare);
  }
}

/** Reads a list that commas separate, as settings have it; spaces do not count. */
export function splitEntries(text: string): readonly string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function networkOf(entry: string): string | undefined {
  const [address = '', prefix] = entry.split('/');
  const version = isIP(address);
  if (version === 0) return undefined;
  const bits = version === 4 ? 32 : 128;
  if (prefix === undefined) return `${address}/${String(bits)}`;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits && entry.split('/').length === 2 ? entry : undefined;
}
