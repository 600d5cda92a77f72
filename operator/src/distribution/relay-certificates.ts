import { readFileSync } from 'node:fs';
import { messageOf, PeerError, siteIdentity, type Log, type PeerIdentity } from '@edict/protocol';

/** Who has a client certificate with these names: a relay, by `sites` from a name (DNS or URI) to its site. @throws PeerError */
export function relayOfCertificate(sites: ReadonlyMap<string, string>): (names: readonly string[]) => PeerIdentity {
  return (names) => {
    const found = [...new Set(names.flatMap((name) => sites.get(name) ?? []))];
    const [site] = found;
    if (site === undefined) throw new PeerError('InvalidToken', `no site is known by ${names.join(', ')}`);
    if (found.length > 1) throw new PeerError('InvalidToken', `${names.join(', ')} are names of several sites`);
    return siteIdentity(site, 'certificate');
  };
}

/**
 * What a file holds, read at every call; while it cannot be read, what it held last.
 * @throws what reading throws, the first time
 */
export function fileReader(path: string, log: Pick<Log, 'warn'>): () => string {
  let last = readFileSync(path, 'utf8');
  return () => {
    try {
      last = readFileSync(path, 'utf8');
    } catch (error) {
      log.warn('a file could not be read again', { path, error: messageOf(error) });
    }
    return last;
  };
}
