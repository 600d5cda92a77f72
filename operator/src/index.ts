export type { MemberSource } from './backend/members.ts';
export { decisionOf, signedOf } from './backend/observation.ts';
export { systemClock, type Clock } from './clock.ts';
export { CheckError, type DomainChecker, type DomainVerdict } from './compile/domain-checker.ts';
export { createInlineChecker } from './compile/inline-checker.ts';
export { createWorkerChecker, type WorkerCheckerOptions } from './compile/worker-checker.ts';
export { committedOf, type World } from './controllers/world.ts';
export type { DistributionBackend } from './distribution/backend.ts';
export type { Distributor } from './distribution/distributor.ts';
export type { EventSink, EventSubject, OperatorEvent } from './events.ts';
export { fixedSigner, type Signer } from './keys/signer.ts';
export type { OperatorLog } from './observability/log.ts';
export { createOperator } from './operator.ts';
export { OPERATOR_LIMITS, type Operator, type OperatorLimits, type OperatorOptions } from './operator-types.ts';
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
