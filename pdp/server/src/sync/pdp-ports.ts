import type { Digest } from '@edict/bundle';
import {
  messageOf,
  RefusalError,
  type Clock,
  type NackPhase,
  type PdpPorts,
  type PdpState,
  type RevisionId,
  type SetKey,
} from '@edict/protocol';
import type { Logger } from 'winston';
import type { ActiveSets } from '../active-sets.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import { SetLabels } from '../observability/set-labels.ts';
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
  readonly clock: Clock;
  /** See {@link WITHDRAW_GRACE_MS}. */
  readonly withdrawGraceMs: number;
}

/**
 * How long a PDP that is told to serve a set no more goes on answering for it. An operator that has just begun to lead
 * may not know yet who belongs where; one that goes on saying so for this long means it.
 */
export const WITHDRAW_GRACE_MS = 30_000;

/** Does for the protocol's client what needs disk, compiler and the serving reference. */
export function createPdpPorts(deps: PdpPortsDeps): PdpPorts {
  const { files, loader, sets, metrics, logger, clock } = deps;
  /** The preparation of each set that began last, since a newer one replaces it. */
  const begun = new Map<SetKey, { readonly n: number; readonly atMs: number }>();
  const withdrawals = new Map<SetKey, () => void>();
  const labels = new SetLabels();

  const counted = async <T>(phase: NackPhase, signal: AbortSignal, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      // What was given up because something newer came was refused by nobody.
      if (!signal.aborted) metrics.nacks.inc({ phase: error instanceof RefusalError ? error.phase : phase });
      throw error;
    }
  };

  const serve = (set: SetKey, { setUid, n, digest }: RevisionId): void => {
    const snapshot = loader.snapshot(digest);
    if (snapshot === undefined) throw new Error(`the compiled content of ${digest} is gone`);
    sets.swap({ set, setUid, n, digest, snapshot, activatedAtMs: clock.now() });
    metrics.activeRevision.set({ set: labels.of(set) }, n);
  };

  const withdraw = (set: SetKey): void => {
    withdrawals.delete(set);
    // Only an operator that is there, and has not taken it back, can end a set: with none, the last word may be old.
    if (deps.state().connection !== 'Up') return;
    logger.warn('set no longer assigned', { set });
    sets.remove(set);
    const label = labels.forget(set);
    if (label !== undefined) metrics.activeRevision.remove({ set: label });
    files.removeRecord(set).catch((error: unknown) => {
      logger.warn('the record of a set was not deleted', { set, error: messageOf(error) });
    });
  };

  return {
    fetchManifest: async ({ set, revision, ticket, artifactsUrl }, signal) => {
      begun.set(set, { n: revision.n, atMs: clock.monotonic() });
      return await counted('Fetch', signal, loader.manifest(revision, { ticket, artifactsUrl }, signal));
    },
    fetchBundles: async ({ ticket, artifactsUrl }, missing, signal) =>
      await counted('Fetch', signal, loader.bundles(missing, { ticket, artifactsUrl }, signal)),
    compile: async (_set, revision, signal) => await counted('Compile', signal, loader.compile(revision, signal)),
    // No set carries tests yet: a manifest that names some was refused before.
    runTests: () => Promise.resolve({ passed: 0, failed: 0 }),
    persist: async (set, record) => {
      try {
        await files.writeRecord(set, record);
      } catch (error) {
        metrics.persistFailures.inc();
        throw error;
      }
      const since = begun.get(set);
      const revision = record.staged?.revision;
      if (since === undefined || since.n !== revision?.n) return;
      begun.delete(set);
      metrics.prepareSeconds.observe((clock.monotonic() - since.atMs) / 1000);
      logger.info('revision prepared', { set, revision: revision.n, digest: revision.digest });
    },
    swap: (set, revision) => {
      const startedMs = clock.monotonic();
      serve(set, revision);
      metrics.swapSeconds.observe((clock.monotonic() - startedMs) / 1000);
    },
    retain: (set, compiled, bundles) => {
      const needed = neededBeside(deps.state(), set);
      loader.retain(new Set([...needed, ...compiled]));
      files.sweep(new Set([...needed, ...compiled, ...bundles])).catch((error: unknown) => {
        logger.warn('old artifacts were not deleted', { set, error: messageOf(error) });
      });
    },
    assigned: (assigned) => {
      for (const set of assigned) {
        withdrawals.get(set)?.();
        withdrawals.delete(set);
        // Taken away and given back: the protocol still knows it as active and will not say so again.
        const active = sets.all.has(set) ? undefined : deps.state().sets.get(set)?.active;
        if (active !== undefined) serve(set, active.revision);
      }
      for (const set of sets.all.keys()) {
        if (assigned.includes(set) || withdrawals.has(set)) continue;
        withdrawals.set(
          set,
          clock.schedule(deps.withdrawGraceMs, () => withdraw(set)),
        );
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
