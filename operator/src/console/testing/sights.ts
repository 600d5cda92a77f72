import { API_VERSION, PolicySetSpec, type PolicyRevision, type PolicySet, type PolicySetStatus } from '@edict/crds';
import { canonicalJson, createManifest, digestOf, type ManifestDomain } from '@edict/bundle';
import type { PdpListing, PdpSetListing, RolloutProgress } from '@edict/protocol';
import { NO_COUNTS } from '../views/rollout-view.ts';
import type { SetSight } from '../views/sight.ts';

/** The moment at which everything in these fixtures is looked at. */
export const NOW = Date.parse('2026-03-01T12:00:00.000Z');
const UID = 'uid-till';

/** The set `shop/till`. */
export function aSet(
  spec: object = {},
  annotations: Readonly<Record<string, string>> = {},
  status: PolicySetStatus = {},
): PolicySet {
  return {
    apiVersion: API_VERSION,
    kind: 'PolicySet',
    metadata: { namespace: 'shop', name: 'till', uid: UID, generation: 1, resourceVersion: '1', annotations },
    spec: PolicySetSpec.parse(spec),
    status,
  };
}

/** A domain in a manifest; `content` names what is in it. */
export function aManifestDomain(name: string, content = name): ManifestDomain {
  return { namespace: 'shop', name, uid: `uid-${name}`, generation: 1, digest: digestOf(content), size: 10, gzSize: 5 };
}

export interface RevisionOptions {
  readonly spec?: Partial<PolicyRevision['spec']>;
  readonly status?: PolicyRevision['status'];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly domains?: readonly ManifestDomain[];
}

/** Revision `n` of it; open unless its status says otherwise. */
export function aRevision(n: number, options: RevisionOptions = {}): PolicyRevision {
  const domains = options.domains ?? [aManifestDomain('orders', `orders ${n}`)];
  const manifest = createManifest({ setUid: UID, engineMin: '0.1.0', domains, policies: 1 });
  const text = canonicalJson(manifest);
  return {
    apiVersion: API_VERSION,
    kind: 'PolicyRevision',
    metadata: {
      namespace: 'shop',
      name: `till-${n}`,
      uid: `uid-${n}`,
      resourceVersion: '1',
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
    },
    spec: {
      set: 'till',
      setUid: UID,
      setGeneration: 1,
      n,
      digest: digestOf(text),
      parent: n - 1,
      reason: 'Spec',
      createdAt: new Date(NOW - 60_000).toISOString(),
      keyId: 'key',
      signature: 'c2lnbmF0dXJl',
      rendererVersion: 1,
      manifest: text,
      ...options.spec,
    },
    ...(options.status === undefined ? {} : { status: options.status }),
  };
}

/** One that everyone serves, or served. */
export function aCompleted(n: number, options: RevisionOptions = {}): PolicyRevision {
  return aRevision(n, {
    ...options,
    status: {
      phase: 'Completed',
      waves: [{ index: 0, decision: 'Commit', decidedAt: '2026-03-01T11:00:00.000Z', decidedBy: 'operator-0' }],
      convergenceMilliseconds: 100 * n,
      skewMilliseconds: n,
      completedAt: '2026-03-01T11:00:01.000Z',
      ...options.status,
    },
  });
}

/** What the distribution says of revision `n`. */
export function aProgress(n: number, over: Partial<RolloutProgress> = {}): RolloutProgress {
  return {
    set: 'shop/till',
    setUid: UID,
    revision: n,
    digest: digestOf('any'),
    phase: 'Preparing',
    committed: n - 1,
    counts: { ...NO_COUNTS, required: 3, connected: 3, active: 3 },
    exceptions: [],
    ready: { status: 'False', reason: 'Progressing', message: 'under way' },
    preparingSince: NOW - 10_000,
    ...over,
  };
}

/** Revision 1 serves, revision 2 is under way. */
export function aSight(over: Partial<SetSight> = {}): SetSight {
  return { set: aSet(), revisions: [aCompleted(1), aRevision(2)], ...over };
}

/** A connected PDP that serves revision 1. */
export function aListing(entry: Partial<PdpSetListing> = {}, over: Partial<PdpListing> = {}): PdpListing {
  return {
    nodeId: 'node-1',
    pod: 'shop/pdp-1',
    connected: true,
    engineVersion: '1.0.0',
    lastBeatAt: NOW - 1_000,
    sets: [
      {
        set: 'shop/till',
        state: 'Active',
        active: 1,
        staged: 0,
        prepared: 0,
        changedAt: NOW - 300_000,
        laggard: false,
        awaited: false,
        ...entry,
      },
    ],
    ...over,
  };
}
