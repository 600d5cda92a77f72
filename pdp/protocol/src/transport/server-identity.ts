import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

/** What a server's certificate must say. Addresses are no names for TLS (RFC 6066, section 3), so none is sent for them. */
export interface ServerIdentity {
  /** Name to send; `''` for none. */
  readonly servername: string;
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/** The identity of a server that is known as `host`: a name, or an address, with brackets or without. */
export function serverIdentityOf(host: string): ServerIdentity {
  const name = host.replace(/^\[(.*)\]$/, '$1');
  return {
    servername: isIP(name) === 0 ? name : '',
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  };
}

/** The host of `host:port`. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
