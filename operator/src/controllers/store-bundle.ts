import { API_VERSION, bundleName, type ObjectMeta, type PolicyBundle } from '@edict/crds';
import { isStoreError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';

/** What was rendered, and what is told of it. */
export interface StorableBundle extends Pick<
  PolicyBundle['spec'],
  'digest' | 'size' | 'gzSize' | 'policies' | 'rendererVersion'
> {
  readonly gzip: Uint8Array;
}

/** Stores the rendering of the object of `metadata`, named by its digest. One that is there already is the same. */
export async function storeBundle(metadata: ObjectMeta, bundle: StorableBundle, store: Store): Promise<void> {
  const { name, namespace = '', uid = '', generation = 0 } = metadata;
  const { digest, size, gzSize, policies, rendererVersion, gzip } = bundle;
  try {
    await store.create({
      apiVersion: API_VERSION,
      kind: 'PolicyBundle',
      metadata: { namespace, name: bundleName(digest) },
      spec: {
        digest,
        domain: name,
        domainUid: uid,
        generation,
        rendererVersion,
        size,
        gzSize,
        policies,
        data: Buffer.from(gzip).toString('base64'),
      },
    });
  } catch (error) {
    // Named by content: who made it first made the same.
    if (!isStoreError(error, 'AlreadyExists')) throw error;
  }
}
