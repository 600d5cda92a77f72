import { randomUUID } from 'node:crypto';
import { watch as watchFolder, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { API_VERSION, validateObject } from '@edict/crds';
import { rfc3339, type Clock } from '../../clock.ts';
import { StoreError } from '../errors.ts';
import { ObjectCache, isSelected } from '../object-cache.ts';
import { compareKeys, keyOf } from '../object-key.ts';
import type { KindMap, KindName, ObjectKey, Selection, Store, WatchEvent, Watcher } from '../store.ts';
import { COARSE_TIME_MS, FolderReader, type FileContent } from './folder-reader.ts';
import type { FolderProblem } from './folder-problem.ts';
import type { AnyObject } from './object-rules.ts';
import { ObjectTable, type Change, type Stamp } from './object-table.ts';
import { openStateDirectory, type StateDirectory } from './state-directory.ts';

export interface FolderStoreOptions {
  /** The folder of YAML that the user edits. */
  readonly folder: string;
  /** Where operator-written objects and statuses are kept. Default: `.edict` in the folder. */
  readonly stateDirectory?: string;
  /** Namespace of objects that name none. Default `default`. */
  readonly namespace?: string;
  readonly clock: Clock;
  /** Told all that is wrong with the folder whenever that changes; an empty list when all is well. */
  readonly onProblems: (problems: readonly FolderProblem[]) => void;
  /** Time between two scans when the operating system reports no change. Default 2000 ms. */
  readonly rescanMs?: number;
}

/** A store over a folder, and how its files fare. */
export interface FolderStore extends Store {
  /** What is wrong with the folder's files now. */
  readonly problems: () => readonly FolderProblem[];
  /** Reads the folder now; resolves when every change in it has been taken over. */
  readonly rescan: () => Promise<void>;
}

/** How long an edit may settle before the folder is read: editors write in several steps. */
const SETTLE_MS = 30;
const DEFAULT_RESCAN_MS = 2000;

/**
 * Opens a store over a folder of YAML: files give PolicyDomain, PolicySet and PolicyDecisionPoint objects; everything the
 * operator writes is kept beside them, durable before it is visible. Throws `Unavailable` while another process holds the
 * folder, and {@link StoreError} `Invalid` when the kept state is damaged. The first scan is done when this resolves.
 */
export async function openFolderStore(options: FolderStoreOptions): Promise<FolderStore> {
  const state = await openStateDirectory(options.stateDirectory ?? join(options.folder, '.edict'));
  try {
    const store = new OpenFolderStore(options, state, new ObjectTable(await state.load()));
    await store.start();
    return store.face();
  } catch (error) {
    await state.close();
    throw error;
  }
}

/** One running watch, for any kind. */
interface Subscription {
  readonly kind: KindName;
  readonly put: (object: AnyObject) => void;
  readonly remove: (object: AnyObject) => void;
}

class OpenFolderStore {
  readonly #options: FolderStoreOptions;
  readonly #state: StateDirectory;
  readonly #table: ObjectTable;
  readonly #reader: FolderReader;
  readonly #subscriptions = new Set<Subscription>();
  /** Writes go one after another: each is checked against the outcome of the one before. */
  #last: Promise<unknown> = Promise.resolve();
  #watcher: FSWatcher | undefined;
  #cancelScan: (() => void) | undefined;
  #isClosed = false;

  constructor(options: FolderStoreOptions, state: StateDirectory, table: ObjectTable) {
    this.#options = options;
    this.#state = state;
    this.#table = table;
    this.#reader = new FolderReader(options.folder, options.namespace ?? 'default');
  }

  async start(): Promise<void> {
    await this.#rescan('Now');
    this.#watchFolder();
    this.#scheduleScan(this.#rescanMs());
  }

  face(): FolderStore {
    return {
      get: (kind, key) => Promise.resolve(this.#get(kind, key)),
      list: (kind, selection = {}) => Promise.resolve(this.#list(kind, selection)),
      watch: (kind, selection, onEvent) => this.#watch(kind, selection, onEvent),
      create: (object) => this.#write(object.kind, () => this.#table.planCreate(validated(object), this.#stamp())),
      update: (object) => this.#write(kindOf(object), () => this.#table.planUpdate(validated(object))),
      updateStatus: (object) => this.#write(kindOf(object), () => this.#table.planStatus(object)),
      apply: (object, applyOptions) =>
        this.#write(object.kind, () => {
          const change = this.#table.planApply(object, applyOptions, this.#stamp());
          const { spec } = validated(change.record.object);
          return { ...change, record: { ...change.record, object: { ...change.record.object, spec } } };
        }),
      delete: async (kind, key, deleteOptions = {}) => {
        await this.#write(kind, () => this.#table.planDelete(kind, key, deleteOptions, this.#stamp()));
      },
      close: () => this.#close(),
      problems: () => this.#reader.problems(),
      rescan: async () => {
        await this.#rescan('Now');
      },
    };
  }

  #get<K extends KindName>(kind: K, key: ObjectKey): KindMap[K] | undefined {
    return this.#table.find(kind, key)?.object as KindMap[K] | undefined;
  }

  #list<K extends KindName>(kind: K, selection: Selection): readonly KindMap[K][] {
    return this.#table
      .all(kind)
      .map(({ object }) => object as KindMap[K])
      .filter((object) => isSelected(object, selection))
      .sort((a, b) => compareKeys(keyOf(a), keyOf(b)));
  }

  #watch<K extends KindName>(kind: K, selection: Selection, onEvent: (event: WatchEvent<K>) => void): Watcher<K> {
    const cache = new ObjectCache<K>(selection, onEvent);
    const subscription: Subscription = {
      kind,
      put: (object) => cache.put(object as KindMap[K]),
      remove: (object) => cache.remove(object as KindMap[K]),
    };
    this.#subscriptions.add(subscription);
    cache.replace(this.#list(kind, {}));
    return cache.watcher(() => {
      this.#subscriptions.delete(subscription);
      return Promise.resolve();
    });
  }

  async #write<K extends KindName>(_kind: K, decide: () => Change): Promise<KindMap[K]> {
    if (this.#isClosed) throw new StoreError('Unavailable', 'the store is closed');
    const turn = this.#last.then(async () => {
      const change = decide();
      await this.#persist(change);
      return change.record.object as KindMap[K];
    });
    // The next write waits for this one, whether or not it succeeds; the caller hears of a failure.
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** INVARIANT: what a watcher or a reader sees is on disk. */
  async #persist(change: Change): Promise<void> {
    const { object } = change.record;
    if (change.type === 'none') return;
    if (change.type === 'write') await this.#state.write(change.record);
    else await this.#state.remove(object);
    this.#table.commit(change);
    for (const subscription of this.#subscriptions) {
      if (subscription.kind !== object.kind) continue;
      if (change.type === 'write') subscription.put(object);
      else subscription.remove(object);
    }
  }

  /**
   * Takes over what the files say, and says in how many milliseconds to look again. Runs among the writes, so that no write sees
   * half of it.
   */
  async #rescan(when: 'Now' | 'Settled'): Promise<number> {
    const turn = this.#last.then(async () => {
      if (this.#isClosed) return this.#rescanMs();
      const { contents, problemsChanged, isUnsettled } = await this.#reader.read(when);
      for (const change of this.#changesOf(contents)) await this.#persist(change());
      if (problemsChanged) this.#options.onProblems(this.#reader.problems());
      return isUnsettled ? COARSE_TIME_MS : this.#rescanMs();
    });
    this.#last = turn.catch(() => undefined);
    return await turn;
  }

  *#changesOf(contents: readonly FileContent[]): Generator<() => Change> {
    const wanted = new Set<string>();
    for (const { file, objects } of contents) {
      for (const object of objects) {
        wanted.add(identity(object));
        yield () => this.#takeOver(object, file);
      }
    }
    for (const record of this.#table.all()) {
      if (record.file === undefined || wanted.has(identity(record.object))) continue;
      const { file: _, ...orphan } = record;
      yield () => this.#table.planRemoval(orphan, this.#stamp());
    }
  }

  #takeOver(object: AnyObject, file: string): Change {
    const before = this.#table.find(object.kind, keyOf(object));
    if (before === undefined) return this.#table.planCreate(object, this.#stamp(), file);
    if (before.object.metadata.deletionTimestamp !== undefined) return { type: 'none', record: before };
    return this.#table.planFileUpdate(before, object, file);
  }

  #watchFolder(): void {
    try {
      this.#watcher = watchFolder(this.#options.folder, { recursive: true, persistent: false }, (_event, name) => {
        if (name?.split(/[/\\]/).some((part) => part.startsWith('.')) !== true) this.#scheduleScan(SETTLE_MS);
      });
      // A watch that fails (limits, network file systems) leaves the periodic scan, which finds the same a little later.
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      this.#watcher = undefined; // the periodic scan alone, then
    }
  }

  #scheduleScan(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelScan?.();
    this.#cancelScan = this.#options.clock.schedule(delayMs, () => void this.#scan());
  }

  async #scan(): Promise<void> {
    let nextMs = this.#rescanMs();
    try {
      nextMs = await this.#rescan('Settled');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#options.onProblems([{ file: this.#options.folder, message }, ...this.#reader.problems()]);
    }
    this.#scheduleScan(nextMs);
  }

  #rescanMs(): number {
    return this.#options.rescanMs ?? DEFAULT_RESCAN_MS;
  }

  #stamp(): Stamp {
    return { now: rfc3339(this.#options.clock.now()), uid: randomUUID };
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelScan?.();
    this.#watcher?.close();
    this.#subscriptions.clear();
    await this.#last;
    await this.#state.close();
  }
}

function identity(object: AnyObject): string {
  const { namespace, name } = keyOf(object);
  return `${object.kind}/${namespace}/${name}`;
}

function kindOf<K extends KindName>(object: KindMap[K]): K {
  return object.kind as K;
}

/** The object with defaults filled in; throws `Invalid` with every problem. */
function validated(object: { readonly kind: string; readonly metadata: unknown; readonly spec: unknown }): AnyObject {
  const result = validateObject({ ...object, apiVersion: API_VERSION });
  if (!result.ok) throw new StoreError('Invalid', `${object.kind}: ${result.problems.join('; ')}`);
  return result.object;
}
