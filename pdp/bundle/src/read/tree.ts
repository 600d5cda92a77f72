import { dereference } from './yaml-node.ts';
import type { MappingNode, YamlNode } from './yaml-node.ts';

/** The value of a key, following aliases and merge keys; `undefined` where there is none. */
export function memberOf(node: YamlNode | undefined, key: string): YamlNode | undefined {
  return findMember(node, key, new Set());
}

/** `seen` keeps merges that repeat each other, or go round in circles, from being followed more than once. */
function findMember(node: YamlNode | undefined, key: string, seen: Set<MappingNode>): YamlNode | undefined {
  const mapping = mappingOf(node);
  if (mapping === undefined || seen.has(mapping)) return undefined;
  seen.add(mapping);
  for (const [keyNode, value] of mapping.pairs) {
    if (keyNode.kind === 'scalar' && keyNode.value === key) return value;
  }
  for (const [keyNode, value] of mapping.pairs) {
    if (keyNode.kind !== 'scalar' || keyNode.value !== '<<' || !keyNode.plain) continue;
    const target = dereference(value);
    for (const source of target.kind === 'sequence' ? target.items : [target]) {
      const merged = findMember(source, key, seen);
      if (merged !== undefined) return merged;
    }
  }
  return undefined;
}

/** The node as a mapping, aliases followed. */
export function mappingOf(node: YamlNode | undefined): MappingNode | undefined {
  const target = node === undefined ? undefined : dereference(node);
  return target?.kind === 'mapping' ? target : undefined;
}

/** The elements of a sequence; none for anything else. */
export function itemsOf(node: YamlNode | undefined): readonly YamlNode[] {
  const target = node === undefined ? undefined : dereference(node);
  return target?.kind === 'sequence' ? target.items : [];
}

/** The text of a scalar; `''` for null, `undefined` for anything else or nothing. */
export function textOf(node: YamlNode | undefined): string | undefined {
  const target = node === undefined ? undefined : dereference(node);
  if (target?.kind !== 'scalar') return undefined;
  return target.plain && /^(~|null|Null|NULL)?$/.test(target.value) ? '' : target.value;
}
