import { API_VERSION } from '@edict/crds';
import type { Logger } from 'winston';
import type { Clock } from '../clock.ts';
import { FIELD_MANAGER } from '../controllers/names.ts';
import { MANAGED_BY } from '../controllers/policy-decision-point/fleet-labels.ts';
import { isStoreError } from '../store/errors.ts';
import type { KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';

export interface TrustPublisherOptions {
  readonly objects: KubeObjects;
  readonly name: string;
  /** Namespaces that need it now, each with the objects that need it: when all of these are gone, so is the ConfigMap. */
  readonly namespaces: () => ReadonlyMap<string, readonly Owner[]>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An object that the ConfigMap exists for. */
export interface Owner {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** What PDPs verify the operator and its revisions with. */
export interface Trust {
  /** PEM. */
  readonly ca: string;
  /** Text of `keys.json`. */
  readonly keys: string;
  /** PEM of the public key that bundles for stock OPA are signed with. */
  readonly opaKey: string;
}

/** Keeps a ConfigMap with the trust material in every namespace that has PDPs. */
export interface TrustPublisher {
  readonly publish: (trust: Trust) => void;
  /** Whether this text of `keys.json` is in every namespace that needs it. */
  readonly isPublished: (keys: string) => boolean;
  /** The namespaces may have changed. */
  readonly look: () => void;
  readonly stop: () => void;
}

/** Repairs what somebody changed or deleted, even if nothing tells us. */
const REPAIR_MS = 60_000;
const RETRY_MS = 2_000;

/** Starts with nothing to publish. */
export function createTrustPublisher(options: TrustPublisherOptions): TrustPublisher {
  const { objects, name, clock, logger } = options;
  let trust: Trust | undefined;
  /** The keys that the last round has written everywhere. */
  let everywhere: string | undefined;
  const published = new Map<string, string>();
  let cancel: (() => void) | undefined;
  let running = false;
  let again = false;
  let stopped = false;

  const schedule = (delayMs: number): void => {
    cancel?.();
    if (stopped) return;
    cancel = clock.schedule(delayMs, () => {
      published.clear();
      run();
    });
  };
  const run = (): void => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    publishAll()
      .then(
        () => schedule(REPAIR_MS),
        (error: unknown) => {
          logger.warn('trust was not published', { configMap: name, error: String(error) });
          schedule(RETRY_MS);
        },
      )
      .finally(() => {
        running = false;
        if (!again || stopped) return;
        again = false;
        run();
      });
  };
  const publishAll = async (): Promise<void> => {
    if (trust === undefined || stopped) return;
    const { keys } = trust;
    const data = { 'ca.crt': trust.ca, 'keys.json': trust.keys, 'opa.pem': trust.opaKey };
    for (const [namespace, owners] of options.namespaces()) {
      // Kubernetes' garbage collection removes what nobody owns any more, also while the operator is away.
      const ownerReferences = owners.map((owner) => ({ apiVersion: API_VERSION, ...owner }));
      const text = JSON.stringify([data, ownerReferences]);
      if (published.get(namespace) === text) continue;
      try {
        const metadata = { namespace, name, labels: { ...MANAGED_BY }, ownerReferences };
        await objects.apply(RESOURCES.ConfigMap, { metadata, data }, { fieldManager: FIELD_MANAGER, force: true });
      } catch (error) {
        // The namespace is gone or going: nobody there needs it any more.
        if (isStoreError(error, 'NotFound') || isStoreError(error, 'Forbidden')) continue;
        throw error;
      }
      published.set(namespace, text);
    }
    everywhere = keys;
  };
  return {
    publish: (next) => {
      trust = next;
      run();
    },
    isPublished: (keys) => everywhere === keys,
    look: run,
    stop: () => {
      stopped = true;
      cancel?.();
    },
  };
}
