import { getMember, isPlainObject, setMember, type Value } from './runtime/value.ts';

/** The documents as one, or the first place of which they say different things. */
export type MergeResult =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly conflict: readonly string[] };

/** Merges two base documents: objects member by member, to any depth. Neither is changed. Other values must not meet. */
export const mergeDocuments = (left: Value, right: Value): MergeResult => merge(left, right, []);

const merge = (left: Value, right: Value, path: readonly string[]): MergeResult => {
  if (left === undefined || right === undefined || !isPlainObject(left) || !isPlainObject(right)) {
    return { ok: false, conflict: path };
  }
  const value: Record<string, Value> = { ...left };
  for (const name of Object.keys(right)) {
    const mine = getMember(left, name);
    const theirs = getMember(right, name);
    if (mine === undefined) {
      setMember(value, name, theirs);
      continue;
    }
    const merged = merge(mine, theirs, [...path, name]);
    if (!merged.ok) return merged;
    setMember(value, name, merged.value);
  }
  return { ok: true, value };
};
