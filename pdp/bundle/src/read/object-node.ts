import type { ScalarNode, YamlNode } from './yaml-node.ts';

/** JSON as JavaScript holds it, plus `bigint` for integers that a `number` cannot hold. */
export type JsonValue =
  null | boolean | number | bigint | string | readonly JsonValue[] | { readonly [key: string]: JsonValue | undefined };

/** Nesting that is still read. */
export const OBJECT_MAX_DEPTH = 1000;

/** The value is not JSON, or nested deeper than {@link OBJECT_MAX_DEPTH}. */
export class ObjectError extends Error {
  override readonly name = 'ObjectError';
}

/**
 * Turns a parsed Kubernetes object into the tree that YAML files are parsed into, so that both are decoded by the same
 * rules. Whole numbers count as integers, as the API server stores them; members that are `undefined` are absent.
 * @throws ObjectError
 */
export function nodeOfObject(value: unknown, depth = 0): YamlNode {
  if (depth > OBJECT_MAX_DEPTH) throw new ObjectError(`nested deeper than ${String(OBJECT_MAX_DEPTH)}`);
  switch (typeof value) {
    case 'string':
      return scalar('!!str', value.toWellFormed());
    case 'boolean':
      return scalar('!!bool', String(value));
    case 'bigint':
      // With an exponent: digits alone would be an integer to YAML while they fit 64 bits without a sign.
      return fitsInteger(value) ? scalar('!!int', String(value)) : scalar('!!float', `${String(value)}e0`);
    case 'number':
      return numberNode(value);
    case 'object':
      break;
    default:
      throw new ObjectError(`${typeof value} is not JSON`);
  }
  if (value === null) return scalar('!!null', '');
  if (Array.isArray(value)) {
    return { kind: 'sequence', items: value.map((item) => nodeOfObject(item, depth + 1)), source: undefined };
  }
  const pairs = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => [scalar('!!str', key.toWellFormed()), nodeOfObject(member, depth + 1)] as const);
  return { kind: 'mapping', pairs, source: undefined };
}

function numberNode(value: number): ScalarNode {
  if (!Number.isFinite(value)) throw new ObjectError(`${String(value)} is not JSON`);
  if (Number.isInteger(value) && fitsInteger(BigInt(value))) return scalar('!!int', String(BigInt(value)));
  return scalar('!!float', Number.isInteger(value) ? value.toExponential() : String(value));
}

/** Kubernetes keeps whole numbers of 64 bits with a sign exact; larger ones become floats. */
function fitsInteger(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

function scalar(tag: string, value: string): ScalarNode {
  return { kind: 'scalar', tag, value, plain: tag !== '!!str', block: false, source: undefined };
}
