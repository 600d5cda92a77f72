import { setImmediate } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { isDigest, parseBundle, type DomainModel, type ManifestDomain } from '@edict/bundle';
import type { PolicyRevision } from '@edict/crds';
import { manifestOf } from '../../controllers/manifest-text.ts';
import { committedOf } from '../../controllers/world.ts';
import type { DomainDiff, EntityDiff, RevisionDiff } from '../wire.ts';
import { diffLines } from './line-diff.ts';
import { shadowView } from './rollout-view.ts';
import type { SetSight } from './sight.ts';

/** Entities of one domain that a diff lists. */
export const DIFF_ENTITIES_MAX = 500;
/** Domains whose entities are compared; of the others only that they differ is said. */
export const DIFF_DOMAINS_MAX = 100;

/** The gzip bytes of a bundle; undefined where it is gone. */
export type ReadBundle = (namespace: string, digest: string) => Promise<Uint8Array | undefined>;

/** What changes from one revision of a set to another, by domain and entity, and for whom, where live requests showed that. */
export async function diffRevisions(
  sight: SetSight,
  from: PolicyRevision,
  to: PolicyRevision,
  readBundle: ReadBundle,
  now: string,
): Promise<RevisionDiff> {
  const [before, after] = [manifestOf(from), manifestOf(to)];
  const pairs = pairUp(before.domains, after.domains);
  const domains: DomainDiff[] = [];
  // One after the other: a large set is not read into memory at once.
  for (const [index, pair] of pairs.entries()) {
    domains.push(await diffDomain(pair, index < DIFF_DOMAINS_MAX ? readBundle : () => Promise.resolve(undefined)));
    // Others are served between two domains.
    await setImmediate();
  }
  const shadow = shadowView(sight, to);
  const against = committedOf(sight.revisions.filter(({ spec }) => spec.n < to.spec.n))?.spec.n;
  return {
    now,
    from: from.spec.n,
    to: to.spec.n,
    isSameContent: from.spec.digest === to.spec.digest,
    domains,
    testsChanged: !isDeepStrictEqual(before.tests, after.tests),
    servingChanged: !isDeepStrictEqual(before.serving, after.serving),
    consistencyChanged: !isDeepStrictEqual(before.consistency, after.consistency),
    ...(shadow === undefined || against === undefined ? {} : { shadow: { ...shadow, against } }),
  };
}

interface Pair {
  readonly namespace: string;
  readonly name: string;
  readonly before: ManifestDomain | undefined;
  readonly after: ManifestDomain | undefined;
}

function pairUp(before: readonly ManifestDomain[], after: readonly ManifestDomain[]): readonly Pair[] {
  const keyOf = ({ namespace, name }: ManifestDomain): string => `${namespace}/${name}`;
  const [old, young] = [before, after].map((domains) => new Map(domains.map((domain) => [keyOf(domain), domain])));
  const keys = [...new Set([...(old?.keys() ?? []), ...(young?.keys() ?? [])])].sort();
  return keys.flatMap((key) => {
    const [a, b] = [old?.get(key), young?.get(key)];
    const { namespace = '', name = '' } = a ?? b ?? {};
    return a?.digest === b?.digest ? [] : [{ namespace, name, before: a, after: b }];
  });
}

async function diffDomain({ namespace, name, before, after }: Pair, readBundle: ReadBundle): Promise<DomainDiff> {
  const [a, b] = await Promise.all([before, after].map((domain) => read(domain, readBundle)));
  const isWhole = (before === undefined || a !== undefined) && (after === undefined || b !== undefined);
  const entities = isWhole ? diffModels(a, b) : undefined;
  return {
    namespace,
    name,
    change: before === undefined ? 'Added' : after === undefined ? 'Removed' : 'Changed',
    ...(before === undefined ? {} : { from: before.digest }),
    ...(after === undefined ? {} : { to: after.digest }),
    ...(entities === undefined ? {} : { entities: entities.slice(0, DIFF_ENTITIES_MAX) }),
    ...(entities !== undefined && entities.length > DIFF_ENTITIES_MAX ? { isCut: true } : {}),
  };
}

async function read(domain: ManifestDomain | undefined, readBundle: ReadBundle): Promise<DomainModel | undefined> {
  if (domain === undefined || !isDigest(domain.digest)) return undefined;
  const bytes = await readBundle(domain.namespace, domain.digest);
  return bytes === undefined ? undefined : parseBundle(bytes, { digest: domain.digest });
}

type Entity = Readonly<Record<string, unknown>>;

const SECTIONS = [
  'policies',
  'libraries',
  'roles',
  'groups',
  'resourceGroups',
  'resources',
  'scopes',
  'operations',
  'mappers',
] as const satisfies readonly (keyof DomainModel)[];

/** Every entity that one of the two lacks, or has otherwise. */
export function diffModels(before: DomainModel | undefined, after: DomainModel | undefined): readonly EntityDiff[] {
  const found = SECTIONS.flatMap((section) => diffSection(section, listOf(before, section), listOf(after, section)));
  return before?.data === after?.data ? found : [...found, diffData(before?.data, after?.data)];
}

function listOf(model: DomainModel | undefined, section: (typeof SECTIONS)[number]): readonly Entity[] {
  return (model?.[section] ?? []) as readonly object[] as readonly Entity[];
}

function diffSection(section: string, before: readonly Entity[], after: readonly Entity[]): readonly EntityDiff[] {
  const [old, young] = [byId(before), byId(after)];
  const ids = [...new Set([...old.keys(), ...young.keys()])];
  return ids.flatMap((id) => {
    const [a, b] = [old.get(id), young.get(id)];
    return isDeepStrictEqual(a, b) ? [] : [diffEntity(section, id, a, b)];
  });
}

/** Names may repeat: the second of a name is another entity. */
function byId(entities: readonly Entity[]): ReadonlyMap<string, Entity> {
  const found = new Map<string, Entity>();
  for (const entity of entities) {
    const { mrn, name } = entity;
    const id = typeof mrn === 'string' && mrn !== '' ? mrn : typeof name === 'string' ? name : '';
    let unique = id;
    for (let count = 2; found.has(unique); count += 1) unique = `${id} (${count})`;
    found.set(unique, entity);
  }
  return found;
}

function diffEntity(section: string, id: string, a: Entity | undefined, b: Entity | undefined): EntityDiff {
  const change = a === undefined ? 'Added' : b === undefined ? 'Removed' : 'Changed';
  const [old, young] = [a?.['rego'], b?.['rego']].map((rego) => (typeof rego === 'string' ? rego : undefined));
  const keys = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  const members = [...keys].filter((key) => key !== 'rego' && !isDeepStrictEqual(a?.[key], b?.[key]));
  return {
    section,
    id,
    change,
    ...(old === young ? {} : { lines: diffLines(old ?? '', young ?? '') }),
    ...(change === 'Changed' && members.length > 0 ? { members } : {}),
  };
}

function diffData(before: string | undefined, after: string | undefined): EntityDiff {
  const change = before === undefined ? 'Added' : after === undefined ? 'Removed' : 'Changed';
  const keysOf = (text: string | undefined): Entity => (text === undefined ? {} : (JSON.parse(text) as Entity));
  const [a, b] = [keysOf(before), keysOf(after)];
  const members = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (key) => !isDeepStrictEqual(a[key], b[key]),
  );
  return { section: 'data', id: 'data', change, members };
}
