import { messageOf, type Clock } from '@edict/protocol';
import type { Logger } from 'winston';

export interface TrustWatchOptions {
  /** PEM by key id, as they are now. */
  readonly trustedKeys: () => Promise<ReadonlyMap<string, string>>;
  /** Told of the ids at first, and whenever they have changed; in ascending order. */
  readonly tell: (keyIds: readonly string[]) => void;
  readonly clock: Pick<Clock, 'schedule'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** Time between two looks at the keys: a rotation waits for them, and revisions read them for themselves. */
export const TRUST_LOOK_MS = 5_000;

/** Tells which keys are trusted, so that the operator signs with none that a PDP would refuse. Ends with `close`. */
export function watchTrust({ trustedKeys, tell, clock, logger }: TrustWatchOptions): { readonly close: () => void } {
  let told: string | undefined;
  let problem: string | undefined;
  let isClosed = false;
  let cancel: (() => void) | undefined;

  const look = (): void => {
    trustedKeys()
      .then(
        (keys) => {
          problem = undefined;
          const ids = [...keys.keys()].sort();
          if (isClosed || ids.join() === told) return;
          if (told !== undefined) logger.info('trusted keys changed', { keys: ids });
          told = ids.join();
          tell(ids);
        },
        (error: unknown) => {
          const message = messageOf(error);
          // Said once, and again when it is another one.
          if (message !== problem) logger.warn('the trusted keys cannot be read', { error: message });
          problem = message;
        },
      )
      .finally(() => {
        if (!isClosed) cancel = clock.schedule(TRUST_LOOK_MS, look);
      });
  };
  look();
  return {
    close: () => {
      isClosed = true;
      cancel?.();
    },
  };
}
