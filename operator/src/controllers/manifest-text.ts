import { canonicalJson, type Manifest, type ManifestDomain } from '@edict/bundle';
import type { PolicyRevision } from '@edict/crds';

const parsed = new WeakMap<object, Manifest>();

/** The manifest inside a revision. Its text is what our own renderer wrote and signed; parsed once per object. */
export function manifestOf(revision: PolicyRevision): Manifest {
  const known = parsed.get(revision.spec);
  if (known !== undefined) return known;
  const manifest = JSON.parse(revision.spec.manifest) as Manifest;
  parsed.set(revision.spec, manifest);
  return manifest;
}

/** The entry of one domain in a revision's manifest, by the object's UID: a new object of an old name is another domain. */
export function entryOf(revision: PolicyRevision, domainUid: string): ManifestDomain | undefined {
  return manifestOf(revision).domains.find(({ uid }) => uid === domainUid);
}

/**
 * What a manifest serves and how, apart from which generation it was rendered from: equal texts need no new revision.
 * `[]` for a manifest that serves nothing.
 */
export function contentKey({
  domains,
  serving,
  consistency,
}: Pick<Manifest, 'domains' | 'serving' | 'consistency'>): string {
  const served = JSON.stringify(domains.map(({ namespace, name, uid, digest }) => [namespace, name, uid, digest]));
  const parts = [serving, consistency && { consistency }].filter((part) => part !== undefined);
  return [served, ...parts.map((part) => canonicalJson(part))].join(' ');
}
