export { systemClock, type Clock } from './clock.ts';
export type { EventSink, EventSubject, OperatorEvent } from './events.ts';
export type { Operator, OperatorLimits, OperatorOptions } from './operator-types.ts';
export { isStoreError, StoreError, type StoreErrorCode } from './store/errors.ts';
export { formatFolderProblem, type FolderProblem } from './store/folder/folder-problem.ts';
export { openFolderStore, type FolderStore, type FolderStoreOptions } from './store/folder/folder-store.ts';
export { compareKeys, keyOf, keyText, parseKey } from './store/object-key.ts';
export type {
  AppliedObject,
  ApplyOptions,
  DeleteOptions,
  KindMap,
  KindName,
  NewObject,
  ObjectKey,
  Selection,
  Store,
  WatchEvent,
  Watcher,
} from './store/store.ts';
