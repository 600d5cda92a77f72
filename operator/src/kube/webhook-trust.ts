import { isStoreError } from '../store/errors.ts';
import type { KubeObject, KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
}

const MAX_ATTEMPTS = 10;

/** Writes the CA bundle (PEM) into every webhook of a ValidatingWebhookConfiguration. Answers false if there is none. */
export async function writeWebhookTrust(objects: KubeObjects, name: string, trustBundle: string): Promise<boolean> {
  const caBundle = Buffer.from(trustBundle).toString('base64');
  for (let attempt = 1; ; attempt++) {
    const found = await objects.get<WebhookConfiguration>(RESOURCES.ValidatingWebhookConfiguration, { name });
    if (found === undefined) return false;
    const { webhooks = [] } = found;
    if (webhooks.every(({ clientConfig }) => clientConfig.caBundle === caBundle)) return true;
    const next = webhooks.map((webhook) => ({ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } }));
    try {
      await objects.replace<WebhookConfiguration>(RESOURCES.ValidatingWebhookConfiguration, {
        ...found,
        webhooks: next,
      });
      return true;
    } catch (error) {
      // Another replica, or an upgrade of the chart, was faster.
      if (!isStoreError(error, 'Conflict') || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}
