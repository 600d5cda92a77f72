import { API_VERSION, type ObjectMeta } from '@edict/crds';
import type { EventSubject } from '../events.ts';

/** What an event about an object of ours names. */
export function subjectOf({ kind, metadata }: { readonly kind: string; readonly metadata: ObjectMeta }): EventSubject {
  return {
    apiVersion: API_VERSION,
    kind,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
  };
}
