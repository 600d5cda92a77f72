export { startInformer, type Informer, type InformerHandler, type InformerOptions } from './informer.ts';
export {
  createKubeClient,
  loadKubeConfig,
  type KubeClient,
  type KubeClientOptions,
  type KubeRequest,
} from './kube-client.ts';
export { createKubeObjects, type KubeObject, type KubeObjects } from './kube-objects.ts';
export { createKubeStore, type KubeStoreOptions } from './kube-store.ts';
export { collectionPath, objectPath, resourceOf, RESOURCES, type Resource } from './resources.ts';
