import { RegoNumber } from '@edict/rego/values';
import { ANY, type MaskPath } from './mask-path.ts';

/** One thing to be masked. */
export interface MaskRule {
  readonly path: MaskPath;
  /** The path as the record tells it. */
  readonly name: string;
  readonly change: Change;
}

/** `replace` gives what stands in a value's place; with `creates`, also where there was none. */
export type Change =
  | { readonly kind: 'remove' }
  | { readonly kind: 'replace'; readonly replace: (value: unknown) => unknown; readonly creates: boolean };

type Container = Record<string, unknown> | unknown[];

/** Masks `tree`, which is changed. Tells whether anything was there to be masked. */
export function applyMask(tree: Readonly<Record<string, unknown>>, { path, change }: MaskRule): boolean {
  return maskBelow(tree, path, 0, change);
}

function maskBelow(container: unknown, path: MaskPath, depth: number, change: Change): boolean {
  if (!isContainer(container)) return false;
  const part = path[depth];
  if (part === undefined) return false;
  const isLast = depth === path.length - 1;
  let isFound = false;
  // Backwards, since removing from an array moves what follows.
  for (const key of part === ANY ? keysOf(container).reverse() : [part]) {
    const isThere = has(container, key);
    if (!isThere && !(change.kind === 'replace' && change.creates)) continue;
    if (isLast) {
      if (change.kind === 'remove') remove(container, key);
      else if (!set(container, key, change.replace(isThere ? get(container, key) : undefined))) continue;
      isFound = true;
      continue;
    }
    if (!isThere && !set(container, key, {})) continue;
    if (maskBelow(get(container, key), path, depth + 1, change)) isFound = true;
  }
  return isFound;
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null && !(value instanceof RegoNumber);
}

function keysOf(container: Container): string[] {
  return Object.keys(container);
}

function has(container: Container, key: string): boolean {
  return Array.isArray(container) ? indexOf(container, key) !== undefined : Object.hasOwn(container, key);
}

function get(container: Container, key: string): unknown {
  return Array.isArray(container) ? container[Number(key)] : container[key];
}

/** Own members only, whatever they are called. */
function set(container: Container, key: string, value: unknown): boolean {
  if (Array.isArray(container)) {
    const index = indexOf(container, key);
    if (index === undefined) return false;
    container[index] = value;
  } else Object.defineProperty(container, key, { value, enumerable: true, configurable: true, writable: true });
  return true;
}

function remove(container: Container, key: string): void {
  if (Array.isArray(container)) container.splice(Number(key), 1);
  else Reflect.deleteProperty(container, key);
}

function indexOf(array: readonly unknown[], key: string): number | undefined {
  if (!/^(0|[1-9]\d{0,9})$/.test(key)) return undefined;
  const index = Number(key);
  return index < array.length ? index : undefined;
}
