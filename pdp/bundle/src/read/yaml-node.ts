import type { Position } from '../problem.ts';

/** Where a node stands: for messages, and as an offset range of the decoded text for edits. Absent for JSON objects. */
export interface NodeSource {
  readonly position: Position;
  /** UTF-16 offsets of the node's own text, without comments; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
}

/** A scalar as written. Nothing is interpreted yet: what it means depends on the field that it is decoded into. */
export interface ScalarNode {
  readonly kind: 'scalar';
  /** Short form: `!!str`, `!!int`, `!local`; `''` where none is written and the style does not make it a string. */
  readonly tag: string;
  readonly value: string;
  /** Written without quotes and not as a block. */
  readonly plain: boolean;
  readonly block: boolean;
  readonly source: NodeSource | undefined;
}
export interface MappingNode {
  readonly kind: 'mapping';
  readonly pairs: readonly (readonly [key: YamlNode, value: YamlNode])[];
  readonly source: NodeSource | undefined;
}
export interface SequenceNode {
  readonly kind: 'sequence';
  readonly items: readonly YamlNode[];
  readonly source: NodeSource | undefined;
}
/** `target` may contain the alias itself: whoever follows aliases has to notice. */
export interface AliasNode {
  readonly kind: 'alias';
  readonly name: string;
  readonly target: YamlNode;
  readonly source: NodeSource | undefined;
}

/** A YAML document as a tree, the same for files and for Kubernetes objects. */
export type YamlNode = ScalarNode | MappingNode | SequenceNode | AliasNode;

/** Follows aliases to the node that they stand for. */
export function dereference(node: YamlNode): Exclude<YamlNode, AliasNode> {
  let current = node;
  // An alias can only stand for a node that was anchored before it, and an alias cannot be anchored: one step suffices.
  while (current.kind === 'alias') current = current.target;
  return current;
}
