import { getMember, isPlainObject, type PlainObject, type Value } from '../value.ts';
import type { GraphqlPosition } from './graphql-lexer.ts';

/** A node of a GraphQL document: plain JSON with the member names of the Go library gqlparser. */
export type GraphqlNode = PlainObject;

const positions = new WeakMap<GraphqlNode, GraphqlPosition>();

/** Makes a node without its empty members, which is how OPA shows documents. */
export function makeNode(position: GraphqlPosition, members: Readonly<Record<string, Value | undefined>>): GraphqlNode {
  const node = Object.fromEntries(Object.entries(members).filter(([, value]) => !isEmpty(value)));
  positions.set(node, position);
  return node;
}

function isEmpty(value: Value | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isPlainObject(value) && Object.keys(value).length === 0;
}

/** Where a node was read; undefined for nodes that were given as JSON. */
export function positionOf(node: GraphqlNode): GraphqlPosition | undefined {
  return positions.get(node);
}

/** A text member; empty if it is absent. */
export function textOf(node: GraphqlNode, name: string): string {
  const value = getMember(node, name);
  return typeof value === 'string' ? value : '';
}

/** A list of nodes; empty if it is absent. */
export function nodesOf(node: GraphqlNode, name: string): readonly GraphqlNode[] {
  const value = getMember(node, name);
  return Array.isArray(value) ? (value as readonly Value[]).filter(isPlainObject) : [];
}

/** A list of texts; empty if it is absent. */
export function textsOf(node: GraphqlNode, name: string): readonly string[] {
  const value = getMember(node, name);
  return Array.isArray(value) ? (value as readonly Value[]).filter((each) => typeof each === 'string') : [];
}

/** A member that is a node. */
export function nodeOf(node: GraphqlNode, name: string): GraphqlNode | undefined {
  const value = getMember(node, name);
  return isPlainObject(value) ? value : undefined;
}

/** The node of a list that has a name. */
export function named(list: readonly GraphqlNode[], name: string): GraphqlNode | undefined {
  return list.find((node) => textOf(node, 'Name') === name);
}

/** Kinds of values, in the numbering of gqlparser. */
export const VALUE_KINDS = [
  'Variable',
  'Int',
  'Float',
  'String',
  'Block',
  'Boolean',
  'Null',
  'Enum',
  'List',
  'Object',
] as const;

/** A kind of value. */
export type ValueKind = (typeof VALUE_KINDS)[number];

/** The kind of a value node. */
export function valueKind(node: GraphqlNode): ValueKind {
  const kind = getMember(node, 'Kind');
  return (typeof kind === 'number' ? VALUE_KINDS[kind] : undefined) ?? 'Null';
}

/** The text of a type: `[Int!]!`. */
export function typeText(type: GraphqlNode | undefined): string {
  if (type === undefined) return '';
  const suffix = isNonNull(type) ? '!' : '';
  const element = nodeOf(type, 'Elem');
  return element === undefined ? textOf(type, 'NamedType') + suffix : `[${typeText(element)}]${suffix}`;
}

/** The name of a type without lists and exclamation marks. */
export function typeName(type: GraphqlNode | undefined): string {
  if (type === undefined) return '';
  const element = nodeOf(type, 'Elem');
  return element === undefined ? textOf(type, 'NamedType') : typeName(element);
}

/** Whether a type excludes null. */
export function isNonNull(type: GraphqlNode): boolean {
  return getMember(type, 'NonNull') === true;
}
