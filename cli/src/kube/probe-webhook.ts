import { API_VERSION } from '@edict/crds';
import { isStoreError } from '@edict/operator';
import { collectionPath, resourceOf, type KubeClient } from '@edict/operator/kube';
import type { Probe } from '../doctor/installation.ts';

/** The schema takes it, and no compiler does. */
const BROKEN = {
  apiVersion: API_VERSION,
  kind: 'PolicyDomain',
  metadata: { name: 'edict-doctor-probe' },
  spec: {
    policies: [{ mrn: 'mrn:policy:probe', name: 'probe', rego: 'package authz\n\nallow {' }],
    operations: [{ name: 'all', selector: ['.*'], policy: 'mrn:policy:probe' }],
  },
};
/** Longer than the webhook may take. */
const TIMEOUT_MS = 35_000;

/** Has the API server ask the webhook about a policy that it must refuse. A dry run: whatever comes of it, nothing is stored. */
export async function probeWebhook(client: KubeClient, namespace: string | undefined): Promise<Probe> {
  if (namespace === undefined) return { outcome: 'Unasked', why: 'there is no namespace to ask in' };
  try {
    await client.request({
      method: 'POST',
      path: collectionPath(resourceOf('PolicyDomain'), namespace),
      query: { dryRun: 'All' },
      body: BROKEN,
      timeoutMs: TIMEOUT_MS,
    });
    return { outcome: 'Stored' };
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return outcomeOf(error.message);
  }
}

/** The API server has no codes for these: who refused is in its words alone. */
function outcomeOf(message: string): Probe {
  if (/admission webhook "[^"]+" denied the request/.test(message)) return { outcome: 'Refused' };
  if (/failed calling webhook/.test(message)) return { outcome: 'CallFailed', message };
  return { outcome: 'Unasked', why: message };
}
