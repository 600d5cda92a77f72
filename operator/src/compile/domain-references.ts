import { parseReference, type DomainModel } from '@edict/bundle';
import type { PolicyDomainSpec } from '@edict/crds';

/** The parts of a spec or a model that refer to other entities: both have the same shape in these. */
interface Referring {
  readonly policies?: readonly { readonly dependencies?: readonly string[] | undefined }[] | undefined;
  readonly libraries?: readonly { readonly dependencies?: readonly string[] | undefined }[] | undefined;
  readonly roles?: readonly { readonly policy?: string | undefined }[] | undefined;
  readonly scopes?: readonly { readonly policy?: string | undefined }[] | undefined;
  readonly operations?: readonly { readonly policy?: string | undefined }[] | undefined;
  readonly resourceGroups?: readonly { readonly policy?: string | undefined }[] | undefined;
  readonly groups?: readonly { readonly roles?: readonly string[] | undefined }[] | undefined;
  readonly resources?: readonly { readonly group?: string | undefined }[] | undefined;
}

/** Names of the other domains that a spec refers to directly. Texts that are no references name none. */
export function domainsReferredTo(spec: PolicyDomainSpec): ReadonlySet<string> {
  return namesIn({
    ...spec,
    libraries: spec['policy-libraries'],
    resourceGroups: spec['resource-groups'],
  });
}

/** The same for a model. */
export function domainsReferredToByModel(model: DomainModel): ReadonlySet<string> {
  return namesIn(model);
}

function namesIn(part: Referring): ReadonlySet<string> {
  const texts = [
    ...[...(part.policies ?? []), ...(part.libraries ?? [])].flatMap(({ dependencies = [] }) => dependencies),
    ...[part.roles, part.scopes, part.operations, part.resourceGroups].flatMap((list) =>
      (list ?? []).map(({ policy }) => policy ?? ''),
    ),
    ...(part.groups ?? []).flatMap(({ roles = [] }) => roles),
    ...(part.resources ?? []).map(({ group }) => group ?? ''),
  ];
  const names = new Set<string>();
  for (const text of texts) {
    const reference = parseReference(text);
    if (reference.ok && reference.domain !== undefined) names.add(reference.domain);
  }
  return names;
}

/** `start` and every name that can be reached from it; names without an entry are left out. */
export function reachable(
  start: Iterable<string>,
  edges: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [...start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name) || !edges.has(name)) continue;
    seen.add(name);
    open.push(...(edges.get(name) ?? []));
  }
  return seen;
}

/** The same edges, the other way round: who refers to whom. */
export function reversed(edges: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyMap<string, ReadonlySet<string>> {
  const result = new Map([...edges.keys()].map((name) => [name, new Set<string>()]));
  for (const [from, targets] of edges) for (const target of targets) result.get(target)?.add(from);
  return result;
}
