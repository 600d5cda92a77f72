import type { Clock } from '../clock.ts';
import type { OperatorLog } from '../observability/log.ts';
import { isStoreError } from '../store/errors.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import type { Resource } from '../store/kube/resources.ts';

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

const MAX_ATTEMPTS = 10;

/** Writes the CA bundle (PEM) into every webhook of a configuration of that kind. Answers false if there is none. */
export async function writeWebhookTrust(
  objects: KubeObjects,
  { resource, name }: WebhookConfigurationName,
  trustBundle: string,
): Promise<boolean> {
  const caBundle = Buffer.from(trustBundle).toString('base64');
  for (let attempt = 1; ; attempt++) {
    const found = await objects.get<WebhookConfiguration>(resource, { name });
    if (found === undefined) return false;
    const { webhooks = [] } = found;
    if (webhooks.every(({ clientConfig }) => clientConfig.caBundle === caBundle)) return true;
    const next = webhooks.map((webhook) => ({ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } }));
    try {
      await objects.replace<WebhookConfiguration>(resource, { ...found, webhooks: next });
      return true;
    } catch (error) {
      // Another replica, or an upgrade of the chart, was faster.
      if (!isStoreError(error, 'Conflict') || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** Which configuration is meant. */
export interface WebhookConfigurationName {
  /** ValidatingWebhookConfiguration or MutatingWebhookConfiguration. */
  readonly resource: Resource;
  readonly name: string;
}

export interface WebhookTrustOptions {
  readonly objects: KubeObjects;
  readonly configuration: WebhookConfigurationName;
  readonly clock: Clock;
  readonly log: OperatorLog;
}

/** Keeps the CA bundle of a webhook configuration what it should be. */
export interface WebhookTrust {
  /** Writes it now, and again whenever it is found to differ: an upgrade of the chart may take it away. */
  readonly keep: (trustBundle: string) => void;
  readonly stop: () => void;
}

/** The configuration may be created after us, or be written by others: it is looked at this often. */
const LOOK_MS = 15_000;
/** While it is missing or cannot be written. */
const RETRY_MS = 2_000;

/** Starts with nothing to keep. */
export function createWebhookTrust({ objects, configuration, clock, log }: WebhookTrustOptions): WebhookTrust {
  const { resource, name } = configuration;
  const fields = { kind: resource.kind, name };
  let cancel: (() => void) | undefined;
  let bundle = '';
  let isMissing = false;
  let isStopped = false;

  const look = (trustBundle: string): void => {
    const again = (delayMs: number): void => {
      // A newer bundle has its own turn.
      if (isStopped || trustBundle !== bundle) return;
      cancel = clock.schedule(delayMs, () => look(trustBundle));
    };
    writeWebhookTrust(objects, configuration, trustBundle).then(
      (isFound) => {
        if (!isFound && !isMissing) log.warn('there is no webhook configuration', fields);
        isMissing = !isFound;
        again(isFound ? LOOK_MS : RETRY_MS);
      },
      (error: unknown) => {
        log.warn('the webhook configuration was not written', { ...fields, error: String(error) });
        again(RETRY_MS);
      },
    );
  };
  return {
    keep: (trustBundle) => {
      cancel?.();
      bundle = trustBundle;
      look(trustBundle);
    },
    stop: () => {
      isStopped = true;
      cancel?.();
    },
  };
}
