import { CONSISTENCY_DEFAULTS, type Digest, type Serving, type SignedRevision } from '@edict/bundle';
import {
  messageOf,
  RefusalError,
  type Clock,
  type NackPhase,
  type PdpPorts,
  type PdpState,
  type RevisionId,
  type SetKey,
  type Share,
} from '@edict/protocol';
import type { Snapshot } from '@edict/engine';
import type { Logger } from 'winston';
import type { ActiveSets } from '../active-sets.ts';
import type { Instances } from '../instances/instances.ts';
import { forgetSet } from '../observability/forget-set.ts';
import type { PdpMetrics } from '../observability/metrics.ts';
import type { SetLabels } from '../observability/set-labels.ts';
import type { RevisionFiles } from './revision-files.ts';
import type { RevisionLoader } from './revision-loader.ts';
import type { StartShadow } from '../shadow/shadow-run.ts';

export interface PdpPortsDeps {
  readonly files: RevisionFiles;
  readonly loader: RevisionLoader;
  readonly sets: ActiveSets;
  readonly instances: Instances;
  /** Compares the answers of a set with those of a candidate. */
  readonly shadow: StartShadow;
  /** Which sets metrics name. */
  readonly labels: SetLabels;
  readonly metrics: PdpMetrics;
  readonly logger: Logger;
  /** The protocol's state, to know what other sets still need. */
  readonly state: () => PdpState;
  readonly clock: Clock;
  /** Told what a later start may need while no operator is there. */
  readonly remember?: (sets: readonly SetKey[], fallbackSources: readonly string[]) => void;
  /** See {@link WITHDRAW_GRACE_MS}. */
  readonly withdrawGraceMs: number;
}

/**
 * How long a PDP that is told to serve a set no more goes on answering for it. An operator that has just begun to lead
 * may not know yet who belongs where; one that goes on saying so for this long means it.
 */
export const WITHDRAW_GRACE_MS = 30_000;

/** So long what sets need no more stays, on disk and in memory. */
export const RETAIN_DELAY_MS = 100;

/** Does for the protocol's client what needs disk, compiler and the serving reference. */
export function createPdpPorts(deps: PdpPortsDeps): PdpPorts {
  const { files, loader, sets, instances, labels, metrics, logger, clock } = deps;
  /** The preparation of each set that began last, since a newer one replaces it. */
  const begun = new Map<SetKey, { readonly n: number; readonly atMs: number }>();
  const withdrawals = new Map<SetKey, () => void>();
  let retaining = false;
  /** What each set was last told to keep on disk: what a preparation that failed has fetched is in no slot. */
  const told = new Map<SetKey, readonly Digest[]>();

  const counted = async <T>(phase: NackPhase, signal: AbortSignal, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      // What was given up because something newer came was refused by nobody.
      if (!signal.aborted) metrics.nacks.inc({ phase: error instanceof RefusalError ? error.phase : phase });
      throw error;
    }
  };

  const bootCounted = async <T>(
    set: SetKey,
    { n, digest }: RevisionId,
    signal: AbortSignal,
    work: Promise<T>,
  ): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!signal.aborted) {
        const { phase, code, detail } =
          error instanceof RefusalError
            ? error
            : { phase: 'Compile', code: undefined, detail: { message: messageOf(error) } };
        metrics.bootFailures.inc({ phase });
        logger.error('stored revision not loaded', { set, revision: n, digest, phase, code, detail });
      }
      throw error;
    }
  };

  const serve = (set: SetKey, { setUid, n, digest }: RevisionId): void => {
    const proved = loader.proved(digest);
    if (proved === undefined) throw new Error(`the compiled content of ${digest} is gone`);
    const activatedAtMs = clock.now();
    sets.leases.begin(set, proved.manifest.consistency ?? CONSISTENCY_DEFAULTS);
    instances.serve({ set, setUid, n, digest, activatedAtMs }, proved.serving, loader.snapshot(digest));
    const label = { set: labels.of(set) };
    metrics.activeRevision.set(label, n);
    metrics.activeSince.set(label, activatedAtMs / 1000);
    if (!sets.canaries.has(set)) forgetCanary(label.set);
  };

  const forgetCanary = (label: string): void => {
    metrics.canaryRevision.remove({ set: label });
    metrics.canaryShare.remove({ set: label });
  };

  const splitWith = (snapshot: Snapshot, set: SetKey, { setUid, n, digest }: RevisionId, share: Share): void => {
    sets.split({ set, setUid, n, digest, activatedAtMs: clock.now(), snapshot }, share);
    const label = { set: labels.of(set) };
    metrics.canaryRevision.set(label, n);
    metrics.canaryShare.set(label, share.upTo / PARTS);
  };

  /** Two revisions at once are both in memory, also of a set whose policy is brought there by its first request. */
  const split = (set: SetKey, revision: SignedRevision, share: Share): void | Promise<void> => {
    const snapshot = loader.snapshot(revision.digest);
    if (snapshot !== undefined) {
      splitWith(snapshot, set, revision, share);
      return;
    }
    return loader.load(revision.digest, new AbortController().signal).then((loaded) => {
      splitWith(loaded, set, revision, share);
    });
  };

  const withdraw = (set: SetKey): void => {
    withdrawals.delete(set);
    // Only an operator that is there, and has not taken it back, can end a set: with none, the last word may be old.
    if (deps.state().connection !== 'Up') return;
    logger.warn('set no longer assigned', { set });
    instances.forget(set);
    if (sets.broken.has(set)) sets.remove(set);
    forgetSet(set, labels, metrics);
    files.removeRecord(set).catch((error: unknown) => {
      logger.warn('the record of a set was not deleted', { set, error: messageOf(error) });
    });
  };

  /** Sets come in crowds: what is needed is gathered once for all that changed meanwhile. */
  const retainSoon = (): void => {
    if (retaining) return;
    retaining = true;
    clock.schedule(RETAIN_DELAY_MS, () => {
      retaining = false;
      const state = deps.state();
      const { compiled, stored } = neededBy(state);
      for (const [set, bundles] of told) {
        if (state.sets.has(set)) for (const digest of bundles) stored.add(digest);
        else told.delete(set);
      }
      loader.retain(compiled);
      files.sweep(stored).catch((error: unknown) => {
        logger.warn('old artifacts were not deleted', { error: messageOf(error) });
      });
    });
  };

  /** Measures a swap or a split. One that fails leaves what served before, and is thrown to be refused by name. */
  const putInPlace = (
    set: SetKey,
    { n, digest }: RevisionId,
    work: () => void | Promise<void>,
  ): void | Promise<void> => {
    const startedMs = clock.monotonic();
    const observe = (): void => metrics.swapSeconds.observe((clock.monotonic() - startedMs) / 1000);
    const failed = (error: unknown): never => {
      metrics.swapFailures.inc({ cause: 'error' });
      logger.error('revision not put in place', { set, revision: n, digest, error: messageOf(error) });
      throw error;
    };
    try {
      const done = work();
      return done instanceof Promise ? done.then(observe, failed) : observe();
    } catch (error) {
      return failed(error);
    }
  };

  const splitAgain = (set: SetKey, revision: SignedRevision, share: Share): void => {
    const done = split(set, revision, share);
    if (done instanceof Promise) {
      done.catch((error: unknown) => {
        logger.error('the canary of a set that was given back is not served', { set, error: messageOf(error) });
      });
    }
  };

  return {
    fetchManifest: async ({ set, revision, ticket, artifactsUrl }, signal) => {
      begun.set(set, { n: revision.n, atMs: clock.monotonic() });
      return await counted('Fetch', signal, loader.manifest(revision, { ticket, artifactsUrl }, signal));
    },
    fetchBundles: async ({ ticket, artifactsUrl }, missing, signal) =>
      await counted('Fetch', signal, loader.bundles(missing, { ticket, artifactsUrl }, signal)),
    compile: async (set, revision, signal) => {
      const keep = ({ instance }: Serving): boolean => instance?.load !== 'OnFirstUse' || instances.isAwake(set);
      const compiled = loader.compile(revision, signal, keep);
      // What is on disk is offered by nobody who could be told.
      const isBooting = deps.state().sets.get(set)?.job?.kind === 'Boot';
      return await (isBooting ? bootCounted(set, revision, signal, compiled) : counted('Compile', signal, compiled));
    },
    runTests: async (_set, revision, signal) => await counted('Test', signal, loader.test(revision.digest, signal)),
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
    swap: (set, revision) => putInPlace(set, revision, () => serve(set, revision)),
    split: (set, revision, share) => putInPlace(set, revision, () => split(set, revision, share)),
    lease: (set, lease) => sets.leases.of(set).tell(lease),
    shadow: deps.shadow,
    retain: (set, _compiled, bundles) => {
      told.set(set, bundles);
      const { active, bootFault, job } = deps.state().sets.get(set) ?? {};
      // What was stored is of no use, and nothing has come in its place yet.
      if (bootFault !== undefined && active === undefined && job === undefined) sets.fail(set, bootFault);
      retainSoon();
    },
    assigned: (assigned, fallbackSources) => {
      deps.remember?.(assigned, fallbackSources);
      for (const set of assigned) {
        withdrawals.get(set)?.();
        withdrawals.delete(set);
        // Taken away and given back: the protocol still knows it as active and will not say so again.
        const { active, canary } = (sets.held.has(set) ? undefined : deps.state().sets.get(set)) ?? {};
        if (active === undefined) continue;
        if (canary !== undefined) splitAgain(set, canary.revision, canary.share);
        serve(set, active.revision);
      }
      for (const set of [...sets.held.keys(), ...sets.broken.keys()]) {
        if (assigned.includes(set) || withdrawals.has(set)) continue;
        withdrawals.set(
          set,
          clock.schedule(deps.withdrawGraceMs, () => withdraw(set)),
        );
      }
    },
  };
}

/** Of so many parts of the principals a share is told. */
const PARTS = 10_000;

/** Every manifest that sets have in a slot or work on, and every manifest and bundle that has to stay on disk for them. */
function neededBy({ sets }: PdpState): { readonly compiled: Set<Digest>; readonly stored: Set<Digest> } {
  const compiled = new Set<Digest>();
  const stored = new Set<Digest>();
  for (const { active, canary, staged, lkg, activation, job } of sets.values()) {
    const booting = job?.kind === 'Boot' ? job.slot : undefined;
    const bootingCanary = job?.kind === 'Boot' ? job.canary : undefined;
    for (const slot of [active, canary, staged, lkg, activation?.slot, booting, bootingCanary]) {
      if (slot === undefined) continue;
      compiled.add(slot.revision.digest);
      for (const digest of slot.manifest.bundles) stored.add(digest);
    }
    if (job?.kind !== 'Prepare') continue;
    compiled.add(job.revision.digest);
    for (const digest of job.manifest?.bundles ?? []) stored.add(digest);
  }
  for (const digest of compiled) stored.add(digest);
  return { compiled, stored };
}
