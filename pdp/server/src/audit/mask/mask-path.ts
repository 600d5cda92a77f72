/** Stands for every member of an object or array. */
export const ANY: unique symbol = Symbol('any');

/** Parts of a path, the first being one of {@link MASK_ROOTS}. */
export type MaskPath = readonly (string | typeof ANY)[];

/** What of a record can be masked: the PORC or input, a document's value, who asked, and texts that explain verdicts. */
export const MASK_ROOTS = ['input', 'result', 'requested_by', 'reasons'] as const;

export type MaskPathResult =
  { readonly ok: true; readonly path: MaskPath } | { readonly ok: false; readonly message: string };

/**
 * Reads a path of masks: a JSON pointer (RFC 6901: `~1` is a slash, `~0` a tilde) whose parts may be `*`, for every member,
 * as in `/input/principal/mannotations/*`.
 */
export function parseMaskPath(text: string): MaskPathResult {
  if (!text.startsWith('/')) return { ok: false, message: 'must begin with a slash' };
  const parts = text.slice(1).split('/');
  const root = parts[0] ?? '';
  if (!(MASK_ROOTS as readonly string[]).includes(root)) {
    return { ok: false, message: `must be below ${MASK_ROOTS.map((name) => `/${name}`).join(', ')}` };
  }
  if (parts.some((part) => part === '' || /~(?![01])/.test(part))) {
    return { ok: false, message: 'has an empty part, or a ~ without 0 or 1' };
  }
  return {
    ok: true,
    path: parts.map((part) => (part === '*' ? ANY : part.replaceAll('~1', '/').replaceAll('~0', '~'))),
  };
}
