import type { Logger } from 'winston';
import type { TransportMetrics } from '../http/transport/transport-metrics.ts';
import { AllowedCallers } from './allowed-callers.ts';
import type { Authenticator } from './authenticator.ts';
import type { BearerAuthenticator } from './bearer-authenticator.ts';
import { CertificateAuthenticator } from './certificate-authenticator.ts';
import { keySource } from './key-source.ts';
import { refused } from './refusals.ts';
import type { AuthenticationSettings, BearerSettings } from './settings.ts';

export interface OpenAuthenticatorDeps {
  readonly logger: Pick<Logger, 'warn'>;
  readonly metrics: Pick<TransportMetrics, 'keyFetches'>;
}

/**
 * What judges callers as the settings say; undefined where nobody is asked. Keys that cannot be had yet are no reason not to
 * start: until they come callers are refused.
 */
export async function openAuthenticator(
  settings: AuthenticationSettings | undefined,
  deps: OpenAuthenticatorDeps,
): Promise<Authenticator | undefined> {
  if (settings === undefined || settings.mode === 'None') return undefined;
  const { mode, callers, bearer } = settings;
  const allowed = new AllowedCallers(callers);
  const tokens = mode === 'Certificate' ? undefined : await openBearer(bearer, allowed, deps);
  const challenge = tokens === undefined ? undefined : 'Bearer';
  const certificates = mode === 'Bearer' ? undefined : new CertificateAuthenticator(allowed, challenge);
  return {
    authenticate: (headers, peer) => {
      // Who may open the socket's file was decided by its mode.
      if (peer.kind === 'local') return LOCAL_CALLER;
      // A token is the more particular proof: a proxy with a certificate of its own may hand on its client's.
      if (tokens !== undefined && headers['authorization'] !== undefined) return tokens.judge(headers);
      return certificates?.judge(peer) ?? tokens?.judge(headers) ?? NO_CERTIFICATE;
    },
  };
}

const LOCAL_CALLER = { kind: 'known', caller: 'unix' } as const;
const NO_CERTIFICATE = refused('missing', 'a client certificate is needed', undefined);

async function openBearer(
  settings: BearerSettings | undefined,
  allowed: AllowedCallers,
  { logger, metrics }: OpenAuthenticatorDeps,
): Promise<BearerAuthenticator> {
  if (settings === undefined) throw new Error('bearer tokens are to be taken and nothing says whose');
  // What reads tokens is loaded only where they are taken.
  const [{ BearerAuthenticator }, { KeySet }] = await Promise.all([
    import('./bearer-authenticator.ts'),
    import('./key-set.ts'),
  ]);
  const { issuer, audiences, toleranceMs } = settings;
  const keys = new KeySet({
    read: keySource(settings.keys, settings.keysCaFile),
    nowMs: Date.now,
    onRead: (problem) => {
      metrics.keyFetches.inc({ outcome: problem === undefined ? 'ok' : 'failed' });
      if (problem !== undefined) logger.warn('the keys of bearer tokens were not read', { error: problem });
    },
  });
  await keys.read();
  return new BearerAuthenticator({ keys, issuer, audiences, toleranceMs, allowed, nowMs: Date.now });
}
