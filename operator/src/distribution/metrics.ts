import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { AbortCause, CommitTiming, RolloutProgress } from '@edict/protocol';

const PDP_STATES = [
  'required',
  'connected',
  'prepared',
  'active',
  'nacked',
  'laggards',
  'missing',
  'unmanaged',
] as const;

/** What distribution counts. Labels come from closed sets, but for the set's own key. */
export interface DistributionMetrics {
  readonly sessions: (count: number) => void;
  readonly sessionClosed: (reason: 'replaced' | 'silent' | 'peer' | 'protocol') => void;
  readonly nack: (phase: string, deterministic: boolean) => void;
  /** A PDP swapped by a commit that named a moment. */
  readonly scheduled: (timing: CommitTiming) => void;
  readonly decision: (decision: 'Commit' | 'Abort', outcome: 'written' | 'conflict' | 'failed') => void;
  /** This replica wrote that a rollout is given up. */
  readonly abandoned: (reason: AbortCause['reason']) => void;
  readonly progress: (progress: RolloutProgress) => void;
  readonly forget: (set: string) => void;
  readonly authentication: (outcome: 'accepted' | 'cached' | 'refused' | 'unavailable') => void;
  readonly artifact: (
    kind: 'manifest' | 'bundle',
    outcome: 'sent' | 'refused' | 'missing' | 'busy' | 'failed',
    bytes: number,
  ) => void;
  readonly statusWrite: (outcome: 'written' | 'failed') => void;
}

/** The metrics in `registry`; see the names below. */
export function createDistributionMetrics(registry: Registry): DistributionMetrics {
  const registers = [registry];
  const sessions = new Gauge({ name: 'operator_pdp_streams', help: 'Live streams of PDPs.', registers });
  const closed = new Counter({
    name: 'operator_pdp_streams_closed_total',
    help: 'Streams that ended.',
    labelNames: ['reason'],
    registers,
  });
  const nacks = new Counter({
    name: 'operator_nacks_total',
    help: 'Revisions that PDPs refused.',
    labelNames: ['phase', 'deterministic'],
    registers,
  });
  const scheduled = new Counter({
    name: 'operator_scheduled_commits_total',
    help: 'Swaps of PDPs by commits that named a moment, by how well they kept it.',
    labelNames: ['timing'],
    registers,
  });
  const decisions = new Counter({
    name: 'operator_decisions_total',
    help: 'Durable decisions about revisions, by how the write ended.',
    labelNames: ['decision', 'outcome'],
    registers,
  });
  const rollouts = new Counter({
    name: 'operator_rollouts_total',
    help: 'Rollouts that ended, by how.',
    labelNames: ['outcome'],
    registers,
  });
  const bound = new Gauge({
    name: 'operator_revocation_bound_seconds',
    help: 'Of sets that are Strict: so long after a decision nobody serves what was before it.',
    labelNames: ['set'],
    registers,
  });
  const committed = new Gauge({
    name: 'operator_revision_committed',
    help: 'Newest committed revision.',
    labelNames: ['set'],
    registers,
  });
  const pdps = new Gauge({
    name: 'operator_pdps',
    help: 'PDPs of a set by where they stand.',
    labelNames: ['set', 'state'],
    registers,
  });
  const sitePdps = new Gauge({
    name: 'operator_site_pdps',
    help: 'PDPs of a set in another site by where they stand, as its relay tells.',
    labelNames: ['set', 'site', 'state'],
    registers,
  });
  const sites = new Gauge({
    name: 'operator_site_connected',
    help: '1 while the relay of a site of the set has a stream.',
    labelNames: ['set', 'site'],
    registers,
  });
  const convergence = new Histogram({
    name: 'operator_convergence_seconds',
    help: 'From the creation of a revision to the last required Active.',
    buckets: [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128],
    registers,
  });
  const skew = new Histogram({
    name: 'operator_commit_skew_seconds',
    help: 'From the first Active of a commit to the last.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32],
    registers,
  });
  const authentications = new Counter({
    name: 'operator_pdp_authentications_total',
    help: 'Tokens judged.',
    labelNames: ['outcome'],
    registers,
  });
  const artifacts = new Counter({
    name: 'operator_artifact_requests_total',
    help: 'Requests for manifests and bundles.',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const artifactBytes = new Counter({
    name: 'operator_artifact_bytes_total',
    help: 'Bytes of manifests and bundles sent.',
    labelNames: ['kind'],
    registers,
  });
  const writes = new Counter({
    name: 'operator_distribution_status_writes_total',
    help: 'Writes of rollout progress.',
    labelNames: ['outcome'],
    registers,
  });
  const finished = new Map<string, number>();
  const knownSites = new Map<string, ReadonlySet<string>>();
  const forgetSite = (set: string, site: string): void => {
    sites.remove({ set, site });
    for (const state of PDP_STATES) sitePdps.remove({ set, site, state });
  };
  const tellSites = (set: string, told: NonNullable<RolloutProgress['sites']>): void => {
    const names = new Set(told.map(({ site }) => site));
    for (const site of knownSites.get(set) ?? []) if (!names.has(site)) forgetSite(set, site);
    knownSites.set(set, names);
    for (const { site, connected, report } of told) {
      sites.set({ set, site }, connected ? 1 : 0);
      // Of a site that is away nobody knows: no figure is better than an old one.
      for (const state of PDP_STATES) {
        if (report === undefined) sitePdps.remove({ set, site, state });
        else if (state !== 'unmanaged') sitePdps.set({ set, site, state }, report.counts[state]);
      }
    }
  };
  return {
    sessions: (count) => {
      sessions.set(count);
    },
    sessionClosed: (reason) => {
      closed.inc({ reason });
    },
    nack: (phase, deterministic) => {
      nacks.inc({ phase, deterministic: String(deterministic) });
    },
    scheduled: (timing) => {
      scheduled.inc({ timing });
    },
    decision: (decision, outcome) => {
      decisions.inc({ decision, outcome });
    },
    abandoned: (reason) => {
      rollouts.inc({ outcome: reason });
    },
    progress: (progress) => {
      const { set, counts, revocationBoundMs } = progress;
      committed.set({ set }, progress.committed);
      if (revocationBoundMs === undefined) bound.remove({ set });
      else bound.set({ set }, revocationBoundMs / 1000);
      for (const state of PDP_STATES) pdps.set({ set, state }, counts[state] ?? 0);
      tellSites(set, progress.sites ?? []);
      if (progress.completedAt === undefined || finished.get(set) === progress.revision) return;
      finished.set(set, progress.revision);
      rollouts.inc({ outcome: 'Completed' });
      if (progress.convergenceMs !== undefined) convergence.observe(progress.convergenceMs / 1000);
      if (progress.skewMs !== undefined) skew.observe(progress.skewMs / 1000);
    },
    forget: (set) => {
      finished.delete(set);
      committed.remove({ set });
      bound.remove({ set });
      for (const site of knownSites.get(set) ?? []) forgetSite(set, site);
      knownSites.delete(set);
      for (const state of PDP_STATES) pdps.remove({ set, state });
    },
    authentication: (outcome) => {
      authentications.inc({ outcome });
    },
    artifact: (kind, outcome, bytes) => {
      artifacts.inc({ kind, outcome });
      if (bytes > 0) artifactBytes.inc({ kind }, bytes);
    },
    statusWrite: (outcome) => {
      writes.inc({ outcome });
    },
  };
}
