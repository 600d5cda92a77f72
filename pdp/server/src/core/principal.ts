import type { Serving } from '@edict/crds';
import type { Value } from '@edict/rego';

/** Where the principal of a document's input is looked for unless the set says where: the first that is there counts. */
const USUAL_PLACES: readonly (readonly string[])[] = [['principal', 'sub'], ['subject'], ['user']];

/** The principal of a PORC: `principal.sub`. Undefined where there is none, or no text. */
export function principalOfPorc(porc: unknown): string | undefined {
  return textOf(memberAt(porc, ['principal', 'sub']));
}

/**
 * The principal of a document's input: what is at the path of `serving.principal`; without one `principal.sub`, else the
 * subject's `id` with its `type` before it (`user:ada`; the id alone where it has no type), else `user`. Undefined where none
 * of these is a text that says something.
 */
export function principalOfInput({ principal }: Serving, input: Value): string | undefined {
  if (principal !== undefined) return textOf(memberAt(input, pathOf(principal)));
  for (const place of USUAL_PLACES) {
    const found = memberAt(input, place);
    const text = textOf(found) ?? subjectOf(found);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Members below the input, which need not be named itself. */
function pathOf(principal: string): readonly string[] {
  const path = principal.split('.');
  return path[0] === 'input' ? path.slice(1) : path;
}

function subjectOf(value: unknown): string | undefined {
  const id = textOf(memberAt(value, ['id']));
  const type = textOf(memberAt(value, ['type']));
  return id === undefined || type === undefined ? id : `${type}:${id}`;
}

function memberAt(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
