import type { Access, ConsoleUser } from '../access/access.ts';

/** Namespaces that are asked about one by one for a user who may not see all of them. */
export const NAMESPACES_ASKED_MAX = 64;

/** Which namespaces a user sees the sets of. */
export interface Visibility {
  /** All, also those to come. */
  readonly isAll: boolean;
  readonly namespaces: ReadonlySet<string>;
  /** True if there are namespaces with sets that the user does not see, or that were not asked about. */
  readonly isPartial: boolean;
}

/** Whether the user sees sets of that namespace. */
export function isVisible({ isAll, namespaces }: Visibility, namespace: string): boolean {
  return isAll || namespaces.has(namespace);
}

/**
 * Which namespaces of those that have sets a user may list the sets of; only `namespace`, if one is named. @throws ProblemError
 */
export async function visibilityOf(
  access: Access,
  user: ConsoleUser,
  inhabited: Iterable<string>,
  namespace: string | undefined,
): Promise<Visibility> {
  const may = async (where: { readonly namespace?: string }): Promise<boolean> =>
    await access.isAllowed(user, { verb: 'list', resource: 'policysets', ...where });
  if (namespace !== undefined) {
    const isAllowed = await may({ namespace });
    return { isAll: false, namespaces: new Set(isAllowed ? [namespace] : []), isPartial: !isAllowed };
  }
  if (await may({})) return { isAll: true, namespaces: new Set(), isPartial: false };
  const all = [...new Set(inhabited)].sort();
  const asked = all.slice(0, NAMESPACES_ASKED_MAX);
  const answers = await Promise.all(asked.map(async (name) => ({ name, isAllowed: await may({ namespace: name }) })));
  const namespaces = new Set(answers.filter(({ isAllowed }) => isAllowed).map(({ name }) => name));
  return { isAll: false, namespaces, isPartial: namespaces.size < all.length };
}
