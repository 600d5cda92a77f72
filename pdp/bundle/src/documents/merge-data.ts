import { isJsonObject, memberAt, type JsonObject } from './json-object.ts';
import type { Value } from '@edict/rego';

/** The base documents of several domains as one tree, and where two of them give the same document. */
export interface MergedData {
  readonly tree: JsonObject;
  readonly clashes: readonly DataClash[];
}

/** Two domains give the document at `path`; `first` was there before. */
export interface DataClash {
  readonly path: readonly string[];
  readonly first: string;
  readonly second: string;
}

/** Merges objects member by member. Anything else may be given once only, even if it is given alike. */
export function mergeData(domains: readonly { readonly name: string; readonly tree: JsonObject }[]): MergedData {
  const clashes: DataClash[] = [];
  const owners = new Map<string, string>();
  const merge = (target: JsonObject, source: JsonObject, path: readonly string[], domain: string): JsonObject => {
    const members = new Map<string, Value>(Object.entries(target));
    for (const [key, value] of Object.entries(source)) {
      const old = memberAt(target, key);
      const here = [...path, key];
      if (old === undefined) {
        members.set(key, value);
        owners.set(JSON.stringify(here), domain);
      } else if (isJsonObject(old) && isJsonObject(value)) members.set(key, merge(old, value, here, domain));
      else clashes.push({ path: here, first: ownerOf(owners, here), second: domain });
    }
    return Object.fromEntries(members);
  };
  let tree: JsonObject = {};
  for (const { name, tree: own } of domains) tree = merge(tree, own, [], name);
  return { tree, clashes };
}

/** Who gave the document at a path: whoever gave it, or the nearest one around it. */
function ownerOf(owners: ReadonlyMap<string, string>, path: readonly string[]): string {
  for (let length = path.length; length > 0; length--) {
    const owner = owners.get(JSON.stringify(path.slice(0, length)));
    if (owner !== undefined) return owner;
  }
  return '';
}
