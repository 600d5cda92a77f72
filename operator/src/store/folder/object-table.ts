import { isDeepStrictEqual } from 'node:util';
import { API_VERSION, type ObjectMeta } from '@edict/crds';
import { keyOf, keyText } from '../object-key.ts';
import type { AppliedObject, ApplyOptions, DeleteOptions, KindName, ObjectKey } from '../store.ts';
import { StoreError } from '../errors.ts';
import {
  applyFields,
  initialStatus,
  statusTransitionProblem,
  transitionProblem,
  type AnyObject,
} from './object-rules.ts';
import type { StoredRecord } from './state-directory.ts';

/** A write that was found to be allowed: the record to keep, or the removal of one. */
export type Change =
  | { readonly type: 'write'; readonly record: StoredRecord }
  | { readonly type: 'remove'; readonly record: StoredRecord }
  | { readonly type: 'none'; readonly record: StoredRecord };

/** What the rules need from outside. */
export interface Stamp {
  /** RFC 3339. */
  readonly now: string;
  readonly uid: () => string;
}

/**
 * The rules of the apiserver, for objects of ours in memory: optimistic concurrency, generation, finalizers, immutability.
 * Deciding and doing are apart: the `plan…` functions answer a {@link Change} and touch nothing; `commit` makes it so,
 * after the caller has made it durable.
 */
export class ObjectTable {
  readonly #records = new Map<string, StoredRecord>();
  #version = 0;

  constructor(records: readonly StoredRecord[]) {
    for (const record of records) {
      this.#records.set(recordKey(record.object), record);
      this.#version = Math.max(this.#version, Number(record.object.metadata.resourceVersion ?? 0));
    }
  }

  find(kind: string, key: ObjectKey): StoredRecord | undefined {
    return this.#records.get(`${kind}/${keyText(key)}`);
  }

  all(kind?: KindName): readonly StoredRecord[] {
    const records = [...this.#records.values()];
    return kind === undefined ? records : records.filter(({ object }) => object.kind === kind);
  }

  commit(change: Change): void {
    switch (change.type) {
      case 'none':
        return;
      case 'write':
        this.#records.set(recordKey(change.record.object), change.record);
        return;
      case 'remove':
        this.#records.delete(recordKey(change.record.object));
        return;
    }
  }

  planCreate(object: AnyObject, stamp: Stamp, file?: string): Change {
    if (this.#records.has(recordKey(object))) {
      throw new StoreError('AlreadyExists', `${describe(object)} exists already`);
    }
    const metadata: ObjectMeta = {
      ...object.metadata,
      uid: stamp.uid(),
      resourceVersion: this.#nextVersion(),
      generation: 1,
      creationTimestamp: stamp.now,
    };
    const status = initialStatus(object.kind);
    const stored: AnyObject = {
      apiVersion: API_VERSION,
      kind: object.kind,
      metadata,
      spec: object.spec,
      ...(status === undefined ? {} : { status }),
    };
    return { type: 'write', record: { object: stored, ...(file === undefined ? {} : { file }) } };
  }

  planUpdate(object: AnyObject): Change {
    const before = this.#expect(object);
    if (before.file !== undefined && !isDeepStrictEqual(before.object.spec, object.spec)) {
      throw new StoreError('Invalid', `${describe(object)} comes from ${before.file}: change its spec there`);
    }
    return this.#replace(before, { ...before.object, metadata: object.metadata, spec: object.spec });
  }

  /** The user's file says something else now: no version to compare, the file wins. */
  planFileUpdate(before: StoredRecord, object: AnyObject, file: string): Change {
    const { labels, annotations } = object.metadata;
    const metadata: ObjectMeta = {
      ...before.object.metadata,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    };
    if (labels === undefined) Reflect.deleteProperty(metadata, 'labels');
    if (annotations === undefined) Reflect.deleteProperty(metadata, 'annotations');
    return this.#replace({ ...before, file }, { ...before.object, metadata, spec: object.spec }, before.file !== file);
  }

  planStatus(object: AnyObject): Change {
    const before = this.#expect(object);
    const problem = statusTransitionProblem(before.object, object);
    if (problem !== undefined) throw new StoreError('Invalid', `${describe(object)}: ${problem}`);
    if (isDeepStrictEqual(before.object.status, object.status)) return { type: 'none', record: before };
    const metadata = { ...before.object.metadata, resourceVersion: this.#nextVersion() };
    return { type: 'write', record: { ...before, object: { ...before.object, metadata, status: object.status } } };
  }

  planApply(applied: AppliedObject<KindName>, options: ApplyOptions, stamp: Stamp): Change {
    const { namespace, name, ...fields } = applied.metadata;
    const ours = { metadata: fields, ...(applied.spec === undefined ? {} : { spec: applied.spec }) };
    const before = this.find(applied.kind, { namespace, name });
    if (before === undefined) {
      const object: AnyObject = { ...applied, spec: applied.spec };
      const change = this.planCreate(object, stamp);
      return { type: 'write', record: { ...change.record, applied: { [options.fieldManager]: ours } } };
    }
    const merged = applyFields(
      { metadata: before.object.metadata, spec: before.object.spec },
      before.applied?.[options.fieldManager],
      ours,
    ) as { readonly metadata: ObjectMeta; readonly spec: unknown };
    if (before.file !== undefined && !isDeepStrictEqual(before.object.spec, merged.spec)) {
      throw new StoreError('Invalid', `${describe(before.object)} comes from ${before.file}: change its spec there`);
    }
    const record = { ...before, applied: { ...before.applied, [options.fieldManager]: ours } };
    const ownershipChanged = !isDeepStrictEqual(record.applied, before.applied);
    return this.#replace(record, { ...before.object, ...merged }, ownershipChanged);
  }

  planDelete(kind: KindName, key: ObjectKey, options: DeleteOptions, stamp: Stamp): Change {
    const before = this.find(kind, key);
    if (before === undefined) throw new StoreError('NotFound', `${kind} ${keyText(key)} does not exist`);
    const { metadata } = before.object;
    if (options.uid !== undefined && options.uid !== metadata.uid) {
      throw new StoreError('Conflict', `${describe(before.object)} is another object by now`);
    }
    if (options.resourceVersion !== undefined && options.resourceVersion !== metadata.resourceVersion) {
      throw new StoreError('Conflict', `${describe(before.object)} has changed`);
    }
    if (before.file !== undefined) {
      throw new StoreError('Invalid', `${describe(before.object)} comes from ${before.file}: remove it there`);
    }
    return this.planRemoval(before, stamp);
  }

  /** The deletion itself: at once, or marked while finalizers are there. */
  planRemoval(before: StoredRecord, stamp: Stamp): Change {
    const { metadata } = before.object;
    if ((metadata.finalizers ?? []).length === 0) return { type: 'remove', record: this.#touched(before) };
    if (metadata.deletionTimestamp !== undefined) return { type: 'none', record: before };
    const generation = (metadata.generation ?? 0) + 1;
    const marked: ObjectMeta = { ...metadata, deletionTimestamp: stamp.now, generation };
    return { type: 'write', record: this.#touched({ ...before, object: { ...before.object, metadata: marked } }) };
  }

  #replace(before: StoredRecord, after: AnyObject, changedOtherwise = false): Change {
    const problem = transitionProblem(before.object, after);
    if (problem !== undefined) throw new StoreError('Invalid', `${describe(after)}: ${problem}`);
    const kept = before.object.metadata;
    const specChanged = !isDeepStrictEqual(before.object.spec, after.spec);
    // What the server made is the server's; the writer's values for it are ignored.
    const metadata: ObjectMeta = {
      ...after.metadata,
      ...(kept.uid === undefined ? {} : { uid: kept.uid }),
      ...(kept.resourceVersion === undefined ? {} : { resourceVersion: kept.resourceVersion }),
      ...(kept.creationTimestamp === undefined ? {} : { creationTimestamp: kept.creationTimestamp }),
      ...(kept.deletionTimestamp === undefined ? {} : { deletionTimestamp: kept.deletionTimestamp }),
      generation: (kept.generation ?? 0) + (specChanged ? 1 : 0),
    };
    if (!specChanged && !changedOtherwise && isDeepStrictEqual(kept, metadata)) return { type: 'none', record: before };
    const record = this.#touched({ ...before, object: { ...before.object, metadata, spec: after.spec } });
    const isFinished = metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
    return isFinished ? { type: 'remove', record } : { type: 'write', record };
  }

  #touched(record: StoredRecord): StoredRecord {
    const metadata = { ...record.object.metadata, resourceVersion: this.#nextVersion() };
    return { ...record, object: { ...record.object, metadata } };
  }

  #expect(object: AnyObject): StoredRecord {
    const before = this.#records.get(recordKey(object));
    if (before === undefined) throw new StoreError('NotFound', `${describe(object)} does not exist`);
    const seen = object.metadata.resourceVersion;
    if (seen === undefined) {
      throw new StoreError('Invalid', `${describe(object)}: metadata.resourceVersion: must be given for an update`);
    }
    if (seen !== before.object.metadata.resourceVersion) {
      throw new StoreError('Conflict', `${describe(object)} has changed since it was read`);
    }
    return before;
  }

  #nextVersion(): string {
    this.#version += 1;
    return String(this.#version);
  }
}

function recordKey(object: AnyObject): string {
  return `${object.kind}/${keyText(keyOf(object))}`;
}

function describe(object: AnyObject): string {
  return `${object.kind} ${keyText(keyOf(object))}`;
}
