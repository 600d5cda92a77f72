import type { PatchOperation } from '../json-patch.ts';

/** The object after the operations, as RFC 6902 has `add`; rejects what it would reject. */
export function applyPatch<T>(object: T, operations: readonly PatchOperation[]): T {
  const result = structuredClone(object);
  for (const { path, value } of operations) {
    const parts = path
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = parts.pop() ?? '';
    let at: unknown = result;
    for (const part of parts) at = (at as Record<string, unknown> | undefined)?.[part];
    if (typeof at !== 'object' || at === null) throw new Error(`${path}: there is nothing to add to`);
    if (!Array.isArray(at)) (at as Record<string, unknown>)[last] = structuredClone(value);
    else {
      const index = last === '-' ? at.length : Number(last);
      if (!Number.isInteger(index) || index < 0 || index > at.length) throw new Error(`${path}: no such place`);
      at.splice(index, 0, structuredClone(value));
    }
  }
  return result;
}
