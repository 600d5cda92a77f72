import type { Clock } from '../clock.ts';

/** A certificate chain and its key, both PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** PEM of the authorities whose clients are known by their certificates; absent: nobody is asked for one. */
  readonly clientCa?: string;
}

/** A certificate that is replaced while the server runs. */
export interface RotatingCertificate {
  readonly current: () => Certificate;
  /** Calls `listener` with every new one; the answer ends that. */
  readonly onChange: (listener: (certificate: Certificate) => void) => () => void;
}

/** How often {@link watchCertificate} looks. */
export const CERTIFICATE_POLL_MS = 10_000;

/** Looks at `read` from time to time, so that its owner need not know who uses the certificate. `close` ends that. */
export function watchCertificate(
  read: () => Certificate,
  clock: Clock,
): RotatingCertificate & { readonly close: () => void } {
  const listeners = new Set<(certificate: Certificate) => void>();
  let known = read();
  let cancel: () => void;
  const look = (): void => {
    const next = read();
    if (next.cert !== known.cert || next.key !== known.key || next.clientCa !== known.clientCa) {
      known = next;
      for (const listener of listeners) listener(next);
    }
    cancel = clock.schedule(CERTIFICATE_POLL_MS, look);
  };
  cancel = clock.schedule(CERTIFICATE_POLL_MS, look);
  return {
    current: () => known,
    onChange: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    close: () => {
      cancel();
    },
  };
}
