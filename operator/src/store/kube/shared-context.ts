import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';

/** Who we are and whom we trust, as a kubeconfig says it. */
export type TlsCredentials = Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'pfx'>;

/**
 * What OpenSSL makes of credentials, once for all connections that have the same: it is 100 kB, and each connection would make
 * its own. Credentials that have changed give a new one; the old one lives as long as its connections.
 */
export class SharedContext {
  #text: string | undefined;
  #context: SecureContext | undefined;

  /** The context of these credentials. @throws if they are none */
  of({ ca, cert, key, passphrase, pfx }: TlsCredentials): SecureContext {
    const text = JSON.stringify([ca, cert, key, pfx, passphrase].map(String));
    if (this.#context === undefined || text !== this.#text) {
      this.#context = createSecureContext({ ca, cert, key, passphrase, pfx });
      this.#text = text;
    }
    return this.#context;
  }
}
