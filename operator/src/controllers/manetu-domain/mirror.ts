import { ConvertError, domainFromObject, formatProblem, toDomainObject, type JsonValue } from '@edict/bundle';
import { MANETU_GROUP, PolicyDomainSpec, type ManetuPolicyDomain, type ObjectMeta } from '@edict/crds';

/** On a PolicyDomain that the operator made of one of another group: that group. */
export const MIRROR_LABEL = 'edict.dev/mirror-of';

/** What the mirror of an object is to say; or why there is none, for the user who wrote the object. */
export type MirrorContent =
  | { readonly ok: true; readonly spec: PolicyDomainSpec; readonly labels: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly message: string };

/** Problems that a message names; the rest are counted. */
const PROBLEMS_SHOWN = 20;

/**
 * Reads an object of Manetu's group, as it is stored (v1beta1), by the rules that their files are read by, and writes what it
 * means as the spec of a PolicyDomain of ours. Labels are the object's: sets select by them.
 */
export function mirrorOf(object: Pick<ManetuPolicyDomain, 'apiVersion' | 'kind' | 'metadata' | 'spec'>): MirrorContent {
  const read = domainFromObject(object);
  if (!read.ok) {
    const lines = read.problems.slice(0, PROBLEMS_SHOWN).map(formatProblem);
    const more = read.problems.length > PROBLEMS_SHOWN ? [`and ${read.problems.length - PROBLEMS_SHOWN} more`] : [];
    return { ok: false, message: [...lines, ...more].join('\n') };
  }
  try {
    const spec = PolicyDomainSpec.safeParse(withNumbers(toDomainObject(read.domain).spec));
    if (!spec.success) {
      const lines = spec.error.issues.map(({ path, message }) => `spec.${path.join('.')}: ${message}`);
      return { ok: false, message: lines.slice(0, PROBLEMS_SHOWN).join('\n') };
    }
    return { ok: true, spec: spec.data, labels: { ...object.metadata.labels, [MIRROR_LABEL]: MANETU_GROUP } };
  } catch (error) {
    if (!(error instanceof ConvertError)) throw error;
    return { ok: false, message: error.message };
  }
}

/** Whose mirror a domain is: the uid of the object of Manetu's group that it belongs to. */
export function mirroredUid({ ownerReferences = [] }: ObjectMeta): string | undefined {
  const owner = ownerReferences.find(
    ({ apiVersion, kind, controller }) =>
      apiVersion.startsWith(`${MANETU_GROUP}/`) && kind === 'PolicyDomain' && controller === true,
  );
  return owner?.uid;
}

/** Objects come to us with the numbers that JavaScript has: nothing is lost that was there. */
function withNumbers(value: JsonValue): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(withNumbers);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withNumbers(member as JsonValue)]));
}
