/** One `add` of RFC 6902: all that an injection needs. */
export interface PatchOperation {
  readonly op: 'add';
  readonly path: string;
  readonly value: unknown;
}

/** A JSON pointer of these parts (RFC 6901). */
function pointer(...parts: readonly (string | number)[]): string {
  return parts.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Adds members to the object at `at`, which is made if it is not there. */
export function addMembers(
  at: readonly (string | number)[],
  existing: Readonly<Record<string, unknown>> | undefined,
  members: Readonly<Record<string, unknown>>,
): readonly PatchOperation[] {
  const entries = Object.entries(members).filter(([name, value]) => existing?.[name] !== value);
  if (entries.length === 0) return [];
  if (existing === undefined) return [{ op: 'add', path: pointer(...at), value: Object.fromEntries(entries) }];
  return entries.map(([name, value]) => ({ op: 'add', path: pointer(...at, name), value }));
}

/** Adds items to the list at `at`, before those that are there or after; the list is made if it is not there. */
export function addItems(
  at: readonly (string | number)[],
  existing: readonly unknown[] | undefined,
  items: readonly unknown[],
  where: 'first' | 'last',
): readonly PatchOperation[] {
  if (items.length === 0) return [];
  if (existing === undefined) return [{ op: 'add', path: pointer(...at), value: items }];
  return items.map((value, index) => ({ op: 'add', path: pointer(...at, where === 'first' ? index : '-'), value }));
}
