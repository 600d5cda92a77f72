import { parseManifest, verifyDecision, verifyRevision, type Digest } from '@edict/bundle';
import { summarizeManifest, type ArtifactClient, type PdpPorts } from '@edict/protocol';

/** What a PDP without an engine is made of. */
export interface LightPortsOptions {
  readonly artifacts: ArtifactClient;
  /** PEM by key id. */
  readonly trustedKeys: ReadonlyMap<string, string>;
}

/** Bundles fetched at a time for one revision, as the PDP's process does. */
const FETCH_CONCURRENCY = 4;
const NOTHING_SPENT = { compileMs: 0, heapDeltaBytes: 0 } as const;

/**
 * A PDP's process without engine and disk: signatures are verified, manifests and bundles fetched and their digests checked as
 * ever; compiling, tests and the swap cost nothing, and what was to be made durable is kept in memory, since a thousand PDPs
 * of a cluster do not share one disk.
 */
export function createLightPorts({ artifacts, trustedKeys }: LightPortsOptions): PdpPorts {
  const held = new Set<Digest>();
  return {
    verifyDecision: async ({ revision, share, decision }) => {
      await Promise.resolve();
      verifyDecision(revision, share, decision, trustedKeys);
    },
    fetchManifest: async ({ revision, ticket, artifactsUrl }, signal) => {
      verifyRevision(revision, trustedKeys);
      const bytes = await artifacts.fetch({ ticket, artifactsUrl }, revision.digest, signal);
      return summarizeManifest(parseManifest(bytes));
    },
    fetchBundles: async ({ ticket, artifactsUrl }, missing, signal) => {
      const queue = missing.filter((digest) => !held.has(digest));
      const work = async (): Promise<void> => {
        for (let digest = queue.shift(); digest !== undefined; digest = queue.shift()) {
          await artifacts.fetch({ ticket, artifactsUrl }, digest, signal);
          held.add(digest);
        }
      };
      await Promise.all(Array.from({ length: FETCH_CONCURRENCY }, work));
    },
    compile: () => Promise.resolve(NOTHING_SPENT),
    runTests: () => Promise.resolve({ passed: 0, failed: 0 }),
    persist: () => Promise.resolve(),
    swap: () => undefined,
    retain: (_set, _compiled, bundles) => {
      const needed = new Set(bundles);
      for (const digest of held) if (!needed.has(digest)) held.delete(digest);
    },
    assigned: () => undefined,
  };
}
