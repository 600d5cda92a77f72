import type {
  LabelSelector,
  ObjectMeta,
  PolicyBundle,
  PolicyDecisionPoint,
  PolicyDomain,
  PolicyRevision,
  PolicySet,
  PolicyTestSuite,
} from '@edict/crds';

/** Every kind that a store holds, with the type of its objects. */
export interface KindMap {
  readonly PolicyDomain: PolicyDomain;
  readonly PolicySet: PolicySet;
  readonly PolicyRevision: PolicyRevision;
  readonly PolicyBundle: PolicyBundle;
  readonly PolicyDecisionPoint: PolicyDecisionPoint;
  readonly PolicyTestSuite: PolicyTestSuite;
}
export type KindName = keyof KindMap;

/** Names one object of a kind. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** Which objects a list or a watch covers. Both members narrow; neither means everything. */
export interface Selection {
  readonly namespace?: string;
  readonly selector?: LabelSelector;
}

/** An object to create or to apply: `metadata.namespace` is required, the server-made members are not. */
export interface NewObject<K extends KindName> {
  readonly apiVersion: string;
  readonly kind: K;
  readonly metadata: Omit<ObjectMeta, 'uid' | 'resourceVersion' | 'generation'> & { readonly namespace: string };
  readonly spec: KindMap[K]['spec'];
}

/** A part of an object, for server-side apply: what is named is owned, what is left out is not touched. */
export interface AppliedObject<K extends KindName> {
  readonly apiVersion: string;
  readonly kind: K;
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
}

export interface ApplyOptions {
  /** Whose fields these are; one fixed name per writer. */
  readonly fieldManager: string;
  /** Take over fields of other managers instead of failing with `Conflict`. Default false. */
  readonly force?: boolean;
}

/** At which version one object is. */
export interface ObjectVersion {
  readonly key: ObjectKey;
  readonly resourceVersion: string;
}

export interface DeleteOptions {
  /** Delete only this very object, not a later one of the same name. */
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/**
 * A change that a watch saw. `object` is the newest state; for `deleted` the last known one. A watch may merge changes
 * and repeat them: it promises that the last state of every object arrives, never that every step does.
 */
export type WatchEvent<K extends KindName> =
  { readonly type: 'changed'; readonly object: KindMap[K] } | { readonly type: 'deleted'; readonly object: KindMap[K] };

/** A running watch and the cache that it keeps. */
export interface Watcher<K extends KindName> {
  /** True once a whole list has been seen. It stays true: afterwards the cache may be late, never incomplete. */
  readonly hasSynced: () => boolean;
  /** Resolves with the first whole list; rejects only if the watch is stopped before. */
  readonly synced: Promise<void>;
  /** From the cache. Writes made through the same store are seen at once. */
  readonly get: (key: ObjectKey) => KindMap[K] | undefined;
  /** From the cache, sorted by namespace and name. */
  readonly list: (namespace?: string) => readonly KindMap[K][];
  /**
   * Tells of every change from now on, after the cache has it: whoever is woken and reads the same watcher sees what woke it.
   * Two watches promise no order between each other. Returns what ends that.
   */
  readonly subscribe: (onEvent: (event: WatchEvent<K>) => void) => () => void;
  /** Ends the watch; resolves when no more events can come. */
  readonly stop: () => Promise<void>;
}

/**
 * Where the objects are: the Kubernetes API, or a folder. Both keep the same promises (see `contract.ts`):
 * optimistic concurrency by `metadata.resourceVersion`, `generation` that rises with `spec` only, `status` written apart
 * from the rest, finalizers that hold a deletion back, immutability of the kinds that say so.
 * Every function throws {@link StoreError} for expected failures. Objects that come out are never to be changed in place.
 */
export interface Store {
  /** The object as it is stored now, not as a cache has it; undefined if there is none. */
  readonly get: <K extends KindName>(kind: K, key: ObjectKey) => Promise<KindMap[K] | undefined>;
  /** As stored now, sorted by namespace and name. */
  readonly list: <K extends KindName>(kind: K, selection?: Selection) => Promise<readonly KindMap[K][]>;
  /** Lists, then follows changes until stopped, through every interruption. `onEvent` must not throw. */
  readonly watch: <K extends KindName>(
    kind: K,
    selection: Selection,
    onEvent: (event: WatchEvent<K>) => void,
  ) => Watcher<K>;
  /** Throws `AlreadyExists`, `Invalid`. The status of a fresh object is the kind's default. */
  readonly create: <K extends KindName>(object: NewObject<K>) => Promise<KindMap[K]>;
  /** Replaces metadata and spec if `resourceVersion` is still the stored one. Throws `Conflict`, `NotFound`, `Invalid`. */
  readonly update: <K extends KindName>(object: KindMap[K]) => Promise<KindMap[K]>;
  /** Replaces status alone, if `resourceVersion` is still the stored one. Throws `Conflict`, `NotFound`, `Invalid`. */
  readonly updateStatus: <K extends KindName>(object: KindMap[K]) => Promise<KindMap[K]>;
  /** Server-side apply: creates the object or sets the named fields, and removes those that the manager named before. */
  readonly apply: <K extends KindName>(object: AppliedObject<K>, options: ApplyOptions) => Promise<KindMap[K]>;
  /** Deletes, or marks for deletion while finalizers are there. Throws `NotFound`, `Conflict`. */
  readonly delete: (kind: KindName, key: ObjectKey, options?: DeleteOptions) => Promise<void>;
  /**
   * At which versions all objects of a kind are now, by a consistent read that leaves out what they hold. Absent where this
   * process alone writes, so that its watches show everything at once. Throws `Unavailable`.
   */
  readonly listVersions?: (kind: KindName, signal: AbortSignal) => Promise<readonly ObjectVersion[]>;
  /** Stops every watch and releases what the store holds. */
  readonly close: () => Promise<void>;
}
