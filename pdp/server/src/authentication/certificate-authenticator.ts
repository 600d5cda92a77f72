import type { AllowedCallers } from './allowed-callers.ts';
import type { Peer, Verdict } from './authenticator.ts';
import { refused, type Challenge } from './refusals.ts';

/**
 * Judges callers by their client certificates: the caller is the first name of it that is let in. One judgement per
 * connection. Undefined where there is no certificate, so that another proof may be looked for.
 */
export class CertificateAuthenticator {
  readonly #allowed: AllowedCallers;
  readonly #challenge: Challenge;
  readonly #known = new WeakMap<Peer, Verdict>();

  constructor(allowed: AllowedCallers, challenge: Challenge) {
    this.#allowed = allowed;
    this.#challenge = challenge;
  }

  judge(peer: Peer): Verdict | undefined {
    if (peer.kind === 'anonymous' || peer.kind === 'local') return undefined;
    let verdict = this.#known.get(peer);
    if (verdict === undefined) {
      verdict = this.#judge(peer);
      this.#known.set(peer, verdict);
    }
    return verdict;
  }

  #judge(peer: Exclude<Peer, { readonly kind: 'anonymous' | 'local' }>): Verdict {
    if (peer.kind === 'untrusted') {
      return refused('invalid', `the client certificate is not trusted: ${peer.reason}`, this.#challenge);
    }
    const caller = this.#allowed.firstOf(peer.names);
    return caller === undefined
      ? refused('forbidden', 'no name of the client certificate is let in here', this.#challenge)
      : { kind: 'known', caller };
  }
}
