import { lookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { AllowedHosts } from './allowed-hosts.ts';
import { ExchangeError, lookupWords } from './exchange-error.ts';

/** The addresses of a name, as the machine resolves names. Rejects as `node:dns` does. */
export type ResolveName = (name: string) => Promise<readonly LookupAddress[]>;

/** The machine's own way: hosts file, search domains and all. */
export const systemResolve: ResolveName = (name) =>
  new Promise((resolve, reject) => {
    lookup(name, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });

/**
 * What a socket resolves names with: it gets only addresses that may be connected to, and connects to one of these. So a
 * name that answers differently the next time gains nothing.
 */
export function guardedLookup(allowed: AllowedHosts, resolve: ResolveName): LookupFunction {
  return (name, options, callback) => {
    const fail = (error: Error): void => callback(error, '', 0);
    resolve(name).then(
      (addresses) => {
        const [first, ...others] = addresses.filter(({ address }) => allowed.allowsAddress(name, address));
        if (first === undefined) fail(forbiddenAddress(name, addresses));
        else if (options.all === true) callback(null, [first, ...others]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => fail(new ExchangeError('failed', `dial tcp: ${lookupWords(name, error)}`)),
    );
  };
}

/** That a host is not allowed, in OPA's words. */
export function forbiddenHost(host: string): ExchangeError {
  return new ExchangeError('forbidden-host', `disallowed host: ${host}`);
}

/** That a host may be asked for, but is where nobody may be reached. */
export function forbiddenAddress(host: string, addresses: readonly LookupAddress[]): ExchangeError {
  const list = addresses.map(({ address }) => address).join(', ');
  const reason = list === '' ? 'has no address' : `is at ${list}, which no listed network holds`;
  return new ExchangeError('forbidden-host', `disallowed host: ${host} ${reason}`);
}
