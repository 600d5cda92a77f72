import type { Logger } from 'winston';
import type { Clock } from '../clock.ts';
import { isStoreError } from '../store/errors.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';
import { readCertificate } from './authority.ts';
import { CERTIFICATE_TIMES, lifeMs, trustBundle, type CertificateState, type CertificateTimes } from './plan.ts';
import { settleCertificates } from './rotate.ts';

export interface CertificateManagerOptions {
  readonly objects: KubeObjects;
  readonly namespace: string;
  /** Name of the Secret that holds authority and serving certificate. */
  readonly secretName: string;
  /** Names that the serving certificate must hold. */
  readonly dnsNames: readonly string[];
  readonly clock: Clock;
  /** The time that certificates are dated by; `clock`'s by default. */
  readonly nowMs?: () => number;
  /** Default {@link CERTIFICATE_TIMES}. */
  readonly times?: CertificateTimes;
  readonly logger: Logger;
  /** Told whenever certificates change, first included. */
  readonly onChange: (certificates: ServingCertificates) => void;
  /** Time between two looks. Default 60 s, or less where certificates live for less than a quarter of an hour. */
  readonly intervalMs?: number;
}

/** What servers serve with and clients trust, all PEM. */
export interface ServingCertificates {
  readonly certificate: string;
  readonly privateKey: string;
  readonly trustBundle: string;
}

/** When certificates end, milliseconds since the epoch. */
export interface CertificateExpiry {
  readonly authorityMs: number;
  readonly servingMs: number;
}

export interface CertificateManager {
  /** Resolves when certificates are there; rejects if the apiserver refuses. */
  readonly start: () => Promise<ServingCertificates>;
  /** When what is served ends; undefined before `start` has resolved. */
  readonly expiry: () => CertificateExpiry | undefined;
  readonly stop: () => void;
}

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const INTERVAL_MAX_MS = 60_000;
/** A certificate that ends with its authority can live for any time, however short. */
const INTERVAL_MIN_MS = 1_000;
/** Looks at least so often in each of the times that certificates live by, and in the lives of those that are there. */
const LOOKS_PER_TIME = 12;
/** Replicas that start together collide on the first write; each then reads what the winner wrote. */
const MAX_ATTEMPTS = 10;

/**
 * Keeps the operator's own authority and serving certificate in a Secret that all replicas share. Whoever writes first
 * wins; the others read. Writes carry the resourceVersion, so two replicas never rotate against each other.
 */
export function createCertificateManager(options: CertificateManagerOptions): CertificateManager {
  const { clock, logger, times = CERTIFICATE_TIMES } = options;
  let intervalMs = options.intervalMs ?? INTERVAL_MAX_MS;
  let facts: CertificateExpiry | undefined;
  let shown = '';
  let cancel: (() => void) | undefined;
  let stopped = false;

  const settle = async (): Promise<ServingCertificates> => {
    const state = await settleSecret(options);
    facts = expiryOf(state);
    intervalMs = options.intervalMs ?? intervalFor(state, times);
    const serving = { ...state.serving, trustBundle: trustBundle(state) };
    const text = JSON.stringify(serving);
    if (text !== shown) {
      shown = text;
      options.onChange(serving);
    }
    return serving;
  };
  const again = (): void => {
    if (stopped) return;
    cancel = clock.schedule(intervalMs, () => {
      settle()
        .catch((error: unknown) => logger.warn('certificates were not looked after', { error: String(error) }))
        .finally(again);
    });
  };
  return {
    start: async () => {
      const serving = await settle();
      again();
      return serving;
    },
    expiry: () => facts,
    stop: () => {
      stopped = true;
      cancel?.();
    },
  };
}

async function settleSecret(options: CertificateManagerOptions): Promise<CertificateState> {
  const { objects, namespace, secretName, dnsNames, clock, logger, times, nowMs = clock.now } = options;
  for (let attempt = 1; ; attempt++) {
    const secret = await objects.get<Secret>(RESOURCES.Secret, { namespace, name: secretName });
    const before = secret === undefined ? undefined : readState(secret);
    const state = await settleCertificates(before, dnsNames, nowMs(), times);
    if (state === before) return state;
    const data = writeState(state);
    try {
      if (secret === undefined) {
        const metadata = { namespace, name: secretName, labels: { 'app.kubernetes.io/managed-by': 'edict-operator' } };
        await objects.create(RESOURCES.Secret, { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data });
      } else {
        await objects.replace<Secret>(RESOURCES.Secret, { ...secret, data });
      }
      logger.info('certificates written', { secret: secretName });
      if (before !== undefined && !trustBundle(before).includes(state.authority.certificate)) {
        logger.warn('the authority had ended, and a new one was made: clients take it once they read the new trust', {
          secret: secretName,
        });
      }
      return state;
    } catch (error) {
      const lost = isStoreError(error, 'AlreadyExists') || isStoreError(error, 'Conflict');
      if (!lost || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** What is there may have been made by shorter times than those of now: it is not to end between two looks. */
function intervalFor({ authority, serving }: CertificateState, times: CertificateTimes): number {
  const lives = [authority, serving].map(({ certificate }) => {
    const facts = readCertificate(certificate);
    return facts === undefined ? 0 : lifeMs(facts);
  });
  const shortest = Math.min(times.overlapMs, times.servingMs, ...lives);
  return Math.min(INTERVAL_MAX_MS, Math.max(INTERVAL_MIN_MS, Math.ceil(shortest / LOOKS_PER_TIME)));
}

function expiryOf({ authority, serving }: CertificateState): CertificateExpiry {
  const endOf = ({ certificate }: { readonly certificate: string }): number =>
    readCertificate(certificate)?.notAfterMs ?? 0;
  return { authorityMs: endOf(authority), servingMs: endOf(serving) };
}

const encode = (text: string): string => Buffer.from(text).toString('base64');

function writeState({ authority, serving, next, previous }: CertificateState): Record<string, string> {
  return {
    'ca.crt': encode(authority.certificate),
    'ca.key': encode(authority.privateKey),
    'tls.crt': encode(serving.certificate),
    'tls.key': encode(serving.privateKey),
    ...(next === undefined
      ? {}
      : {
          'next-ca.crt': encode(next.certificate),
          'next-ca.key': encode(next.privateKey),
          'next-since': encode(String(next.sinceMs)),
        }),
    ...(previous === undefined ? {} : { 'previous-ca.crt': encode(previous) }),
  };
}

/** A Secret without an authority (emptied by hand) counts as none: a new one is made in it. */
function readState({ data = {} }: Secret): CertificateState | undefined {
  const member = (name: string): string | undefined => {
    const text = data[name];
    return text === undefined ? undefined : Buffer.from(text, 'base64').toString();
  };
  const authority = { certificate: member('ca.crt'), privateKey: member('ca.key') };
  if (authority.certificate === undefined || authority.privateKey === undefined) return undefined;
  const next = { certificate: member('next-ca.crt'), privateKey: member('next-ca.key') };
  const previous = member('previous-ca.crt');
  return {
    authority: { certificate: authority.certificate, privateKey: authority.privateKey },
    serving: { certificate: member('tls.crt') ?? '', privateKey: member('tls.key') ?? '' },
    ...(next.certificate === undefined || next.privateKey === undefined
      ? {}
      : {
          next: {
            certificate: next.certificate,
            privateKey: next.privateKey,
            sinceMs: Number(member('next-since') ?? 0),
          },
        }),
    ...(previous === undefined ? {} : { previous }),
  };
}
