import type { ObjectMeta } from '@edict/crds';
import { StoreError, isStoreError } from '../errors.ts';
import type { ObjectKey } from '../store.ts';
import type { KubeClient } from './kube-client.ts';
import { collectionPath, objectPath, type Resource } from './resources.ts';

/** An object of Kubernetes, as far as all are alike. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [member: string]: unknown;
}

/** What an apply names: the object's place, and the fields that the manager owns. */
export interface AppliedKubeObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [member: string]: unknown };
  readonly [member: string]: unknown;
}

/** Reading and writing objects of any kind in Kubernetes. Throws {@link StoreError}. */
export interface KubeObjects {
  readonly get: <T extends KubeObject>(resource: Resource, key: KeyOf) => Promise<T | undefined>;
  readonly list: <T extends KubeObject>(resource: Resource, selection?: ListSelection) => Promise<readonly T[]>;
  /** The metadata of every object, by a consistent read of its own: the apiserver leaves out what they hold. */
  readonly listMetadata: (resource: Resource, signal: AbortSignal) => Promise<readonly ObjectMeta[]>;
  readonly create: <T extends KubeObject>(resource: Resource, object: object) => Promise<T>;
  readonly replace: <T extends KubeObject>(resource: Resource, object: T, subresource?: 'status') => Promise<T>;
  /** Server-side apply. `force` takes over fields that another manager set. */
  readonly apply: <T extends KubeObject>(
    resource: Resource,
    object: AppliedKubeObject,
    options: { readonly fieldManager: string; readonly force?: boolean; readonly subresource?: 'status' },
  ) => Promise<T>;
  /** RFC 7386 merge patch. */
  readonly mergePatch: <T extends KubeObject>(resource: Resource, key: KeyOf, patch: object) => Promise<T>;
  /** Answers false if there was nothing to delete. */
  readonly delete: (resource: Resource, key: KeyOf, preconditions?: Preconditions) => Promise<boolean>;
}

/** A namespaced object's key, or the name of one without a namespace. */
export type KeyOf = ObjectKey | { readonly name: string };

export interface ListSelection {
  readonly namespace?: string;
  readonly labelSelector?: string;
}

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

const APPLY = 'application/apply-patch+yaml'; // JSON is YAML
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
const MERGE = 'application/merge-patch+json';

export function createKubeObjects(client: KubeClient): KubeObjects {
  const pathOf = (resource: Resource, key: KeyOf): string =>
    objectPath(resource, key.name, 'namespace' in key ? key.namespace : undefined);
  return {
    get: async <T extends KubeObject>(resource: Resource, key: KeyOf) => {
      try {
        return (await client.request({ method: 'GET', path: pathOf(resource, key) })) as T;
      } catch (error) {
        if (isStoreError(error, 'NotFound')) return undefined;
        throw error;
      }
    },
    list: async <T extends KubeObject>(resource: Resource, selection: ListSelection = {}) => {
      const objects: T[] = [];
      let page: string | undefined;
      do {
        const answer = (await client.request({
          method: 'GET',
          path: collectionPath(resource, selection.namespace),
          query: { labelSelector: selection.labelSelector, limit: '500', continue: page },
        })) as { readonly metadata: { readonly continue?: string }; readonly items: readonly object[] };
        for (const item of answer.items) {
          objects.push({ apiVersion: resource.apiVersion, kind: resource.kind, ...item } as T);
        }
        page = answer.metadata.continue === '' ? undefined : answer.metadata.continue;
      } while (page !== undefined);
      return objects;
    },
    listMetadata: async (resource, signal) => {
      const found: ObjectMeta[] = [];
      let page: string | undefined;
      do {
        const answer = (await client.request({
          method: 'GET',
          path: collectionPath(resource),
          accept: METADATA_LIST,
          query: { limit: '500', continue: page },
          signal,
        })) as {
          readonly metadata: { readonly continue?: string };
          /** The apiserver writes an empty list of metadata as null. */
          readonly items: readonly { metadata: ObjectMeta }[] | null;
        };
        found.push(...(answer.items ?? []).map(({ metadata }) => metadata));
        page = answer.metadata.continue === '' ? undefined : answer.metadata.continue;
      } while (page !== undefined);
      return found;
    },
    create: async <T extends KubeObject>(resource: Resource, object: object) => {
      const { namespace } = (object as { metadata?: { namespace?: string } }).metadata ?? {};
      const path = collectionPath(resource, namespace);
      return (await client.request({ method: 'POST', path, body: object })) as T;
    },
    replace: async <T extends KubeObject>(resource: Resource, object: T, subresource?: 'status') => {
      const path = withSubresource(pathOf(resource, metadataKey(object.metadata)), subresource);
      return (await client.request({ method: 'PUT', path, body: object })) as T;
    },
    apply: async <T extends KubeObject>(
      resource: Resource,
      object: AppliedKubeObject,
      { fieldManager, force = false, subresource }: Parameters<KubeObjects['apply']>[2],
    ) =>
      (await client.request({
        method: 'PATCH',
        path: withSubresource(pathOf(resource, metadataKey(object.metadata)), subresource),
        query: { fieldManager, force: String(force) },
        contentType: APPLY,
        body: { apiVersion: resource.apiVersion, kind: resource.kind, ...object },
      })) as T,
    mergePatch: async <T extends KubeObject>(resource: Resource, key: KeyOf, patch: object) =>
      (await client.request({ method: 'PATCH', path: pathOf(resource, key), contentType: MERGE, body: patch })) as T,
    delete: async (resource, key, preconditions = {}) => {
      try {
        await client.request({
          method: 'DELETE',
          path: pathOf(resource, key),
          body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy: 'Background' },
        });
        return true;
      } catch (error) {
        if (isStoreError(error, 'NotFound')) return false;
        throw error;
      }
    },
  };
}

function metadataKey(metadata: { readonly name: string; readonly namespace?: string | undefined }): KeyOf {
  if (metadata.name === '') throw new StoreError('Invalid', 'metadata.name: must be given');
  return metadata.namespace === undefined
    ? { name: metadata.name }
    : { namespace: metadata.namespace, name: metadata.name };
}

function withSubresource(path: string, subresource: string | undefined): string {
  return subresource === undefined ? path : `${path}/${subresource}`;
}
