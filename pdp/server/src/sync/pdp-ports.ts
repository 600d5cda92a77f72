import type { Digest } from '@edict/bundle';
import { RefusalError, type PdpPorts, type PdpState, type SetKey } from '@edict/protocol';
import type { Logger } from 'winston';
import type { ActiveSets } from '../active-sets.ts';
import { MAX_SET_LABELS, type PdpMetrics } from '../observability/metrics.ts';
import type { RevisionFiles } from './revision-files.ts';
import type { RevisionLoader } from './revision-loader.ts';

export interface PdpPortsDeps {
  readonly files: RevisionFiles;
  readonly loader: RevisionLoader;
  readonly sets: ActiveSets;
  readonly metrics: PdpMetrics;
  readonly logger: Logger;
  /** The protocol's state, to know what other sets still need. */
  readonly state: () => PdpState;
  /** Wall-clock milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** Does for the protocol's client what needs disk, compiler and the serving reference. */
export function createPdpPorts(deps: PdpPortsDeps): PdpPorts {
  const { files, loader, sets, metrics, logger } = deps;
  /** When the preparation of a set's revision began; one per set, since a newer one replaces it. */
  const begun = new Map<SetKey, number>();
  const measured = async <T>(phase: string, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      metrics.nacks.inc({ phase: error instanceof RefusalError ? error.phase : phase });
      throw error;
    }
  };
  return {
    fetchManifest: async ({ set, revision, ticket, artifactsUrl }, signal) => {
      begun.set(set, performance.now());
      return await measured('Fetch', loader.manifest(revision, { ticket, artifactsUrl }, signal));
    },
    fetchBundles: async ({ ticket, artifactsUrl }, missing, signal) =>
      await measured('Fetch', loader.bundles(missing, { ticket, artifactsUrl }, signal)),
    compile: async (_set, revision, signal) => await measured('Compile', loader.compile(revision, signal)),
    // A set carries no tests: its manifest names none.
    runTests: () => Promise.resolve({ passed: 0, failed: 0 }),
    persist: async (set, record) => {
      try {
        await files.writeRecord(set, record);
      } catch (error) {
        metrics.persistFailures.inc();
        throw error;
      }
      const since = begun.get(set);
      if (since === undefined || record.staged === undefined) return;
      begun.delete(set);
      metrics.prepareSeconds.observe((performance.now() - since) / 1000);
      logger.info('revision prepared', {
        set,
        revision: record.staged.revision.n,
        digest: record.staged.revision.digest,
      });
    },
    swap: (set, { n, digest }) => {
      const startedMs = performance.now();
      const snapshot = loader.snapshot(digest);
      if (snapshot === undefined) throw new Error(`the compiled content of ${digest} is gone`);
      sets.swap({ set, n, digest, snapshot, activatedAtMs: deps.nowMs() });
      metrics.swapSeconds.observe((performance.now() - startedMs) / 1000);
      metrics.activeRevision.set({ set: sets.all.size <= MAX_SET_LABELS ? set : 'other' }, n);
    },
    retain: (set, compiled, bundles) => {
      const needed = neededBeside(deps.state(), set);
      loader.retain(new Set([...needed, ...compiled]));
      files.sweep(new Set([...needed, ...compiled, ...bundles])).catch((error: unknown) => {
        logger.warn('old artifacts were not deleted', { set, error: String(error) });
      });
    },
    assigned: (assigned) => {
      for (const set of sets.all.keys()) {
        // The operator alone says what is served where: a set that moved away must not answer from memory for ever.
        if (!assigned.includes(set)) {
          logger.info('set no longer assigned', { set });
          sets.remove(set);
          files.removeRecord(set).catch((error: unknown) => {
            logger.warn('the record of a set was not deleted', { set, error: String(error) });
          });
        }
      }
    },
  };
}

/** Every manifest and bundle that sets have in a slot or are fetching; for `set` itself only what it is fetching. */
function neededBeside(state: PdpState, set: SetKey): Set<Digest> {
  const needed = new Set<Digest>();
  for (const machine of state.sets.values()) {
    const slots = machine.set === set ? [] : [machine.active, machine.staged, machine.lkg];
    for (const slot of slots) {
      if (slot === undefined) continue;
      needed.add(slot.revision.digest);
      for (const digest of slot.manifest.bundles) needed.add(digest);
    }
    const { job } = machine;
    if (job?.kind === 'Prepare') {
      needed.add(job.revision.digest);
      for (const digest of job.manifest?.bundles ?? []) needed.add(digest);
    }
  }
  return needed;
}
