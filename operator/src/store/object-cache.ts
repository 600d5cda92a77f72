import type { Selection, KindMap, KindName, ObjectKey, WatchEvent, Watcher } from './store.ts';
import { selectorMatches } from '@edict/crds';
import { compareKeys, keyOf, keyText } from './object-key.ts';
import { StoreError } from './errors.ts';

/** Deleted objects that are remembered, so that a late answer to an earlier write cannot bring one back. */
const TOMBSTONES = 4096;

/** Whether an object belongs to a selection. */
export function isSelected(object: KindMap[KindName], selection: Selection): boolean {
  if (selection.namespace !== undefined && object.metadata.namespace !== selection.namespace) return false;
  return selection.selector === undefined || selectorMatches(selection.selector, object.metadata.labels ?? {});
}

/**
 * The cache behind a watch: takes states in any order, keeps the newest by `resourceVersion`, and tells what changed.
 * Both stores use it, so that both give the same promises to those who watch.
 */
export class ObjectCache<K extends KindName> {
  readonly #selection: Selection;
  readonly #listeners: Set<(event: WatchEvent<K>) => void>;
  readonly #objects = new Map<string, KindMap[K]>();
  readonly #tombstones = new Set<string>();
  #sorted: readonly KindMap[K][] | undefined;
  #isSynced = false;
  #isStopped = false;
  readonly #ready = Promise.withResolvers<undefined>();

  constructor(selection: Selection, onEvent: (event: WatchEvent<K>) => void) {
    this.#selection = selection;
    this.#listeners = new Set([onEvent]);
    // A watch that nobody waits for may be stopped before it is synced: that is no failure.
    this.#ready.promise.catch(() => undefined);
  }

  /** Takes one state: newer than what is known, it is kept and announced; else it is ignored. */
  put(object: KindMap[K]): void {
    if (this.#isStopped) return;
    const key = keyText(keyOf(object));
    const known = this.#objects.get(key);
    if (!isSelected(object, this.#selection)) {
      // Labels changed so that the object left the selection: for this watch it is gone.
      if (known !== undefined && isNewer(object, known)) this.#drop(key, object);
      return;
    }
    if (known !== undefined && !isNewer(object, known)) return;
    if (known === undefined && this.#tombstones.has(object.metadata.uid ?? '')) return;
    this.#objects.set(key, object);
    this.#sorted = undefined;
    this.#tell({ type: 'changed', object });
  }

  /** Takes a deletion. Of an object that is not known, or is another one of that name by now, it is ignored. */
  remove(object: KindMap[K]): void {
    if (this.#isStopped) return;
    const uid = object.metadata.uid;
    if (uid !== undefined) this.#bury(uid);
    const key = keyText(keyOf(object));
    const known = this.#objects.get(key);
    if (known === undefined || (uid !== undefined && known.metadata.uid !== uid)) return;
    this.#drop(key, object);
  }

  /** Takes a whole list: what is not in it is gone. */
  replace(objects: readonly KindMap[K][]): void {
    if (this.#isStopped) return;
    const present = new Set(objects.map((object) => keyText(keyOf(object))));
    for (const [key, known] of [...this.#objects]) if (!present.has(key)) this.#drop(key, known);
    for (const object of objects) {
      const known = this.#objects.get(keyText(keyOf(object)));
      // A list is consistent: an object of another uid replaces the known one, however the versions compare.
      if (known !== undefined && known.metadata.uid !== object.metadata.uid) this.#drop(keyText(keyOf(known)), known);
      this.put(object);
    }
    if (!this.#isSynced) {
      this.#isSynced = true;
      this.#ready.resolve(undefined);
    }
  }

  /** The face that the store's users see. `onStop` ends the source. */
  watcher(onStop: () => Promise<void>): Watcher<K> {
    return {
      hasSynced: () => this.#isSynced,
      synced: this.#ready.promise,
      get: (key: ObjectKey) => this.#objects.get(keyText(key)),
      list: (namespace) => {
        this.#sorted ??= [...this.#objects.values()].sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
        return namespace === undefined
          ? this.#sorted
          : this.#sorted.filter((object) => object.metadata.namespace === namespace);
      },
      subscribe: (onEvent) => {
        this.#listeners.add(onEvent);
        return () => {
          this.#listeners.delete(onEvent);
        };
      },
      stop: async () => {
        this.#isStopped = true;
        if (!this.#isSynced)
          this.#ready.reject(new StoreError('Unavailable', 'the watch was stopped before it synced'));
        await onStop();
      },
    };
  }

  #tell(event: WatchEvent<K>): void {
    for (const listener of this.#listeners) listener(event);
  }

  #drop(key: string, object: KindMap[K]): void {
    this.#objects.delete(key);
    this.#sorted = undefined;
    this.#tell({ type: 'deleted', object });
  }

  #bury(uid: string): void {
    this.#tombstones.add(uid);
    if (this.#tombstones.size > TOMBSTONES) {
      const [oldest] = this.#tombstones;
      if (oldest !== undefined) this.#tombstones.delete(oldest);
    }
  }
}

/**
 * Whether `candidate` is a later state than `known`. Both stores count versions in whole numbers that only rise; a version
 * of another form cannot be compared, and then the later arrival counts as the later state.
 */
export function isNewer(
  candidate: { readonly metadata: { readonly resourceVersion?: string | undefined } },
  known: { readonly metadata: { readonly resourceVersion?: string | undefined } },
): boolean {
  const a = candidate.metadata.resourceVersion ?? '';
  const b = known.metadata.resourceVersion ?? '';
  if (!/^[0-9]+$/.test(a) || !/^[0-9]+$/.test(b)) return a !== b;
  return a.length === b.length ? a > b : a.length > b.length;
}
