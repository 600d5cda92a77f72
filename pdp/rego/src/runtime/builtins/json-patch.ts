import {
  buildObject,
  entriesOf,
  equals,
  getIndex,
  isObject,
  isPlainObject,
  RegoObject,
  RegoSet,
  setMember,
  type Value,
} from '../value.ts';
import { numberFromText, toSmallInteger } from '../number.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { arrayOperand, builtinError } from './operands.ts';
import { parsePath } from './json-paths.ts';
import { displayText, regoText } from './text.ts';
import { typeOf } from '../value.ts';

/** RFC 6902, for sets and keys that are no strings as well. */
export const jsonPatch: BuiltinFamily = {
  'json.patch': (ctx, document, operations) => {
    const list = arrayOperand(ctx, operations, 2);
    if (list === undefined) return undefined;
    let current: Value | undefined = document;
    for (const operation of list) {
      const patched: Patched | undefined = apply(ctx, current, operation);
      if (patched === undefined) return undefined;
      if ('problem' in patched) return builtinError(ctx, patched.problem);
      current = patched.value;
    }
    return current ?? builtinError(ctx, 'the patch removes the whole document');
  },
};

/** A document after a change (undefined once its root was removed), or what is wrong. */
type Patched = { readonly value: Value | undefined } | { readonly problem: string };

function apply(ctx: BuiltinContext, document: Value | undefined, operation: Value): Patched | undefined {
  if (!isObject(operation)) {
    return { problem: 'must be an array of JSON-Patch objects, but at least one element is not an object' };
  }
  const pathValue = getIndex(operation, 'path');
  if (pathValue === undefined) return { problem: "missing required attribute 'path'" };
  const op = getIndex(operation, 'op');
  if (op === undefined) return { problem: "missing required attribute 'op'" };
  if (typeof op !== 'string') return { problem: `attribute 'op' must be a string but found: ${typeOf(op)}` };
  const path = parsePath(ctx, pathValue);
  if (path === undefined) return undefined;
  const value = getIndex(operation, 'value');
  switch (op) {
    case 'add':
      return value === undefined ? missing('value') : insert(document, path, value);
    case 'remove':
      return remove(document, path);
    case 'replace': {
      const removed = remove(document, path);
      if ('problem' in removed) return removed;
      return value === undefined ? missing('value') : insert(removed.value, path, value);
    }
    case 'move':
    case 'copy': {
      const fromValue = getIndex(operation, 'from');
      if (fromValue === undefined) return missing('from');
      const from = parsePath(ctx, fromValue);
      if (from === undefined) return undefined;
      const found = find(document, from);
      if ('problem' in found) return found;
      if (op === 'copy') return insert(document, path, found.value);
      const removed = remove(document, from);
      return 'problem' in removed ? removed : insert(removed.value, path, found.value);
    }
    case 'test': {
      const found = find(document, path);
      if ('problem' in found) return found;
      if (value === undefined) return missing('value');
      if (equals(found.value, value)) return { value: document };
      const texts = `Expected: ${regoText(value)}\n\nFound: ${regoText(found.value)}`;
      return { problem: `value from EditTree != patch value.\n\n${texts}` };
    }
    default:
      return { problem: `unrecognized op: '${op}'` };
  }
}

function missing(attribute: string): Patched {
  return { problem: `missing required attribute '${attribute}'` };
}

function find(document: Value | undefined, path: readonly Value[]): Patched {
  let current = document;
  for (const key of path) {
    const step = child(current, key);
    if ('problem' in step) return step;
    current = step.value;
  }
  return current === undefined
    ? { problem: 'nil value encountered where composite value was expected' }
    : { value: current };
}

/** The part at a key that must be there. */
function child(value: Value | undefined, key: Value): Patched {
  if (value === undefined) return { problem: 'nil value encountered where composite value was expected' };
  if (Array.isArray(value)) {
    const index = toIndex(value.length, key);
    if (typeof index === 'string') return { problem: index };
    const element: Value = (value as readonly Value[])[index];
    if (element !== undefined) return { value: element };
    return { problem: `path ${String(index)} does not exist in array term ${regoText(value)}` };
  }
  if (value instanceof RegoSet) {
    const member = value.get(key);
    if (member !== undefined) return { value: member };
    return { problem: `path ${displayText(key)} does not exist in set term ${regoText(value)}` };
  }
  if (!isObject(value)) return notComposite(value, ` for path ${regoText(key)},`);
  const member = getIndex(value, key);
  if (member !== undefined) return { value: member };
  return { problem: `path ${regoText(key)} does not exist in object term ${regoText(value)}` };
}

function notComposite(value: Value, where: string): Patched {
  return { problem: `expected composite type${where} found value: ${regoText(value)} (type: ${goTypeName(value)})` };
}

function goTypeName(value: Value): string {
  const name = typeOf(value);
  return `ast.${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

/** Does something at the end of a path, and rebuilds what is above. */
function edit(
  value: Value | undefined,
  path: readonly Value[],
  change: (parent: Value | undefined, key: Value) => Patched,
): Patched {
  const [key, ...rest] = path;
  if (rest.length === 0) return change(value, key);
  const step = child(value, key);
  if ('problem' in step) return step;
  const changed = edit(step.value, rest, change);
  if ('problem' in changed) return changed;
  if (value instanceof RegoSet) {
    const members = value.values().filter((member) => !equals(member, key));
    return { value: new RegoSet(members).add(changed.value) };
  }
  if (Array.isArray(value)) {
    const index = toIndex(value.length, key);
    return typeof index === 'string'
      ? { problem: index }
      : { value: (value as readonly Value[]).with(index, changed.value) };
  }
  return { value: withMember(value, key, changed.value) };
}

function withMember(object: Value, key: Value, value: Value): Value {
  if (isPlainObject(object) && typeof key === 'string') {
    const copy: Record<string, Value> = { ...object };
    setMember(copy, key, value);
    return copy;
  }
  return isObject(object) ? new RegoObject(entriesOf(object)).set(key, value) : object;
}

function insert(document: Value | undefined, path: readonly Value[], value: Value): Patched {
  if (path.length === 0) return { value };
  return edit(document, path, (parent, key) => {
    if (parent === undefined) return { problem: 'deleted node encountered during insert operation' };
    if (Array.isArray(parent)) {
      const index = toIndex(parent.length, key);
      if (typeof index === 'string') return { problem: index };
      if (index < 0 || index > parent.length) return { problem: 'index for array insertion out of bounds' };
      return { value: (parent as readonly Value[]).toSpliced(index, 0, value) };
    }
    if (parent instanceof RegoSet) {
      if (equals(key, value)) return { value: new RegoSet(parent).add(value) };
      return {
        problem: `set key ${regoText(key)} does not equal value to be inserted ${regoText(value)}`,
      };
    }
    return isObject(parent) ? { value: withMember(parent, key, value) } : notComposite(parent, ',');
  });
}

function remove(document: Value | undefined, path: readonly Value[]): Patched {
  if (path.length === 0) {
    return document === undefined
      ? { problem: 'deleted node encountered during delete operation' }
      : { value: undefined };
  }
  return edit(document, path, (parent, key) => {
    if (parent === undefined) return { problem: 'deleted node encountered during delete operation' };
    if (Array.isArray(parent)) {
      const index = toIndex(parent.length, key);
      if (typeof index === 'string') return { problem: index };
      if (index < 0 || index > parent.length - 1) return { problem: 'index for array delete out of bounds' };
      return { value: (parent as readonly Value[]).toSpliced(index, 1) };
    }
    if (parent instanceof RegoSet) {
      if (!parent.has(key)) return { problem: `cannot delete child key ${regoText(key)} that does not exist` };
      return { value: new RegoSet(parent.values().filter((member) => !equals(member, key))) };
    }
    if (!isObject(parent)) return notComposite(parent, ',');
    if (getIndex(parent, key) === undefined) {
      return { problem: `cannot delete child key ${regoText(key)} that does not exist` };
    }
    return { value: buildObject(entriesOf(parent).filter(([other]) => !equals(other, key))) };
  });
}

/** The index that a path segment means (`-` is behind the last element), or what is wrong with it. */
function toIndex(length: number, key: Value): number | string {
  if (typeof key === 'string') {
    if (key === '-') return length;
    const index = /^[+-]?\d+(?:\.0*)?$/.test(key) ? toSmallInteger(numberFromText(key.replace(/^\+/, ''))) : undefined;
    if (index === undefined) return 'invalid string for indexing';
    return key !== '0' && key.startsWith('0') ? 'leading zeros are not allowed in JSON paths' : index;
  }
  const index = toSmallInteger(key);
  if (index !== undefined) return index;
  return typeof key === 'number' ? 'invalid number type for indexing' : 'invalid type for indexing';
}
