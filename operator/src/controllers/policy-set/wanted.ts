import { isDeepStrictEqual } from 'node:util';
import {
  canonicalJson,
  createManifest,
  isDigest,
  manifestDigest,
  type Manifest,
  type ManifestDomain,
} from '@edict/bundle';
import {
  RolloutSpec,
  selectorMatches,
  Serving,
  servingFeatures,
  type PolicyRevision,
  type PolicySet,
  type PolicyTestSuite,
} from '@edict/crds';
import { REGO_TESTS_FEATURE } from '@edict/engine';
import { SET_DOMAINS_MAX, SET_MAX_BYTES } from '@edict/protocol';
import { contentKey, manifestOf } from '../manifest-text.ts';
import { emergencyRevision } from '../user-requests.ts';
import { renderSuite } from '../../compile/test-suites.ts';
import { bundleOf, isDeleting, stateOf, suitesOf, type World } from '../world.ts';
import { consistencyOf } from './consistency.ts';
import { isRefusal, type MemberView, type Refusal, type Wanted, type WantedSuite } from './observed.ts';

/** Oldest engine that can serve what this operator renders. */
const ENGINE_MIN = '0.1.0';
/** Largest manifest that fits a PolicyRevision. */
const MANIFEST_MAX_CHARACTERS = 1_048_576;

/** The domains that a set is to carry, ordered by name: the order decides between equal selectors. */
export function membersOf(world: World, set: PolicySet): readonly MemberView[] {
  const namespace = set.metadata.namespace ?? '';
  return world.domains
    .list(namespace)
    .filter((domain) => !isDeleting(domain) && selectorMatches(set.spec.domains.selector, domain.metadata.labels ?? {}))
    .map((domain) => {
      const { name, uid = '', generation = 0 } = domain.metadata;
      const digest = domain.status?.digest;
      const stored = digest === undefined ? undefined : bundleOf(world, namespace, digest);
      return {
        namespace,
        name,
        uid,
        generation,
        bundle: stored === undefined ? undefined : stored.spec,
        // A digest without its bundle is one that is being stored.
        settled: domain.status?.observedGeneration === generation && (digest === undefined || stored !== undefined),
      };
    });
}

/** What a set should serve now, or why it cannot. */
export function wantedOf(
  set: PolicySet,
  members: readonly MemberView[],
  revisions: readonly PolicyRevision[],
  suites: readonly PolicyTestSuite[] = [],
): Wanted | Refusal {
  if (isDeleting(set)) return wantedFrom(set, [], revisions, []);
  const emergency = emergencyRevision(set);
  const { rollbackTo } = set.spec;
  const wanted =
    rollbackTo === undefined ? wantedFrom(set, members, revisions, suites) : rolledBack(rollbackTo, revisions);
  if (emergency === undefined || isRefusal(wanted)) return wanted;
  if (rollbackTo === emergency) return { ...wanted, reason: 'Emergency' };
  // The open revision, at once: only if it is still what the set wants.
  const open = revisions.find(({ spec }) => spec.n === emergency);
  const isOpen = open !== undefined && stateOf(open) === 'Open' && contentKey(manifestOf(open)) === wanted.content;
  return isOpen ? { ...wanted, reason: 'Emergency' } : wanted;
}

function rolledBack(n: number, revisions: readonly PolicyRevision[]): Wanted | Refusal {
  const target = revisions.find(({ spec }) => spec.n === n);
  const place = `spec.rollbackTo: revision ${n}`;
  if (target === undefined) return { reason: 'Invalid', message: `${place} is not in the history` };
  if (stateOf(target) !== 'Committed') return { reason: 'Invalid', message: `${place} was never committed` };
  const manifest = manifestOf(target);
  return {
    content: contentKey(manifest),
    manifest,
    text: target.spec.manifest,
    digest: target.spec.digest,
    reason: 'Rollback',
    rollbackOf: n,
  };
}

function wantedFrom(
  set: PolicySet,
  members: readonly MemberView[],
  revisions: readonly PolicyRevision[],
  suites: readonly PolicyTestSuite[],
): Wanted | Refusal {
  const domains: ManifestDomain[] = [];
  let policies = 0;
  for (const { namespace, name, uid, generation, bundle } of members) {
    if (bundle === undefined || !isDigest(bundle.digest)) continue;
    const { digest, size, gzSize } = bundle;
    domains.push({ namespace, name, uid, generation, digest, size, gzSize });
    policies += bundle.policies;
  }
  // A set that serves nothing serves it in no particular way.
  const asked = domains.length === 0 ? undefined : set.spec.serving;
  const serving = asked === undefined ? undefined : Serving.safeParse(asked);
  if (serving?.success === false) {
    return {
      reason: 'Invalid',
      message: `spec.serving: ${serving.error.issues.map(({ message }) => message).join('; ')}`,
    };
  }
  // The webhook says the same; the set may have come while it was away.
  const rollout = RolloutSpec.safeParse(set.spec.rollout);
  if (!rollout.success) {
    const problems = rollout.error.issues.map(({ path, message }) => `${placeOf(path)}: ${message}`);
    return { reason: 'Invalid', message: problems.join('; ') };
  }
  const tests = domains.length === 0 ? [] : renderSuites(set, domains, suites);
  if (!Array.isArray(tests)) return tests;
  const consistency = domains.length === 0 ? undefined : consistencyOf(set.spec.consistency);
  const manifest: Manifest = createManifest({
    setUid: set.metadata.uid ?? '',
    engineMin: ENGINE_MIN,
    features: [...servingFeatures(serving?.data), ...testFeatures(tests)],
    domains,
    tests: tests.map(({ rendered }) => rendered.digest),
    policies,
    ...(serving === undefined ? {} : { serving: serving.data }),
    ...(consistency === undefined ? {} : { consistency }),
  });
  const tooLarge = sizeProblem(manifest);
  if (tooLarge !== undefined) return { reason: 'TooLarge', message: tooLarge };
  const text = canonicalJson(manifest);
  if (text.length > MANIFEST_MAX_CHARACTERS) {
    return {
      reason: 'TooLarge',
      message: `the manifest has ${text.length} characters; the limit is ${MANIFEST_MAX_CHARACTERS}`,
    };
  }
  return {
    content: contentKey(manifest),
    manifest,
    text,
    digest: manifestDigest(manifest),
    reason: isDeleting(set) || isOnlyLess(manifest, revisions) ? 'Withdraw' : 'Spec',
    ...(tests.length === 0 ? {} : { suites: tests }),
  };
}

/** `spec.rollout.waves[1].principals`. */
function placeOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (place, part) => (typeof part === 'number' ? `${place}[${part}]` : `${place}.${String(part)}`),
    'spec.rollout',
  );
}

function renderSuites(
  set: PolicySet,
  domains: readonly ManifestDomain[],
  suites: readonly PolicyTestSuite[],
): WantedSuite[] | Refusal {
  const found: WantedSuite[] = [];
  const names = domains.map(({ name }) => name);
  for (const object of suitesOf(set, names, suites)) {
    const rendered = renderSuite(object);
    if (typeof rendered === 'string') return { reason: 'TestsFailed', message: rendered };
    found.push({ object, rendered });
  }
  return found;
}

/** A PDP that does not know of Rego tests refuses by the feature's name. */
function testFeatures(suites: readonly WantedSuite[]): readonly string[] {
  return suites.some(({ object }) => (object.spec.modules?.length ?? 0) > 0) ? [REGO_TESTS_FEATURE] : [];
}

function sizeProblem({ domains, totals }: Manifest): string | undefined {
  if (domains.length > SET_DOMAINS_MAX) return `the set has ${domains.length} domains; the limit is ${SET_DOMAINS_MAX}`;
  if (totals.bytes > SET_MAX_BYTES) return `the set has ${totals.bytes} bytes; the limit is ${SET_MAX_BYTES}`;
  return undefined;
}

function isServedAlike(a: Manifest, b: Manifest): boolean {
  return isDeepStrictEqual([a.serving, a.consistency], [b.serving, b.consistency]);
}

/** Whether nothing is new against the newest revision that was not given up, and something is gone. */
function isOnlyLess(manifest: Manifest, revisions: readonly PolicyRevision[]): boolean {
  const head = revisions.findLast((revision) => ['Open', 'Committed'].includes(stateOf(revision)));
  if (head === undefined) return false;
  const earlier = manifestOf(head);
  if (manifest.domains.length > 0 && !isServedAlike(manifest, earlier)) return false;
  const before = new Set(earlier.domains.map(({ uid, digest }) => `${uid} ${digest}`));
  const isSubset = manifest.domains.every(({ uid, digest }) => before.has(`${uid} ${digest}`));
  return isSubset && manifest.domains.length < before.size;
}
