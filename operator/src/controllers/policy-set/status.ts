import {
  findCondition,
  mergeConditions,
  type ConditionReason,
  type DesiredCondition,
  type PolicySetStatus,
  type RolloutPhase,
} from '@edict/crds';
import { encodeToken } from '@edict/bundle';
import type { AbortReason, RolloutProgress } from '@edict/protocol';
import { rfc3339 } from '../../clock.ts';
import { describeHold, describeProgress } from '../rollout-board.ts';
import { failedDigests } from './failures.ts';
import { headOf } from './head.ts';
import { isRefusal, type ObservedSet, type Refusal, type RevisionView } from './observed.ts';
import type { Standing } from './standing.ts';

type PdpFigures = NonNullable<PolicySetStatus['pdps']>;

/** The status of a set: exact by construction, as it is made from the PDPs' own words and from durable decisions only. */
export function statusOf(observed: ObservedSet, standing: Standing): PolicySetStatus {
  const { set, revisions, progress, now } = observed;
  const newest = revisions.at(-1);
  const committed = revisions.findLast(({ state }) => state === 'Committed');
  const failed = failedDigests(observed);
  const lastConvergence = convergenceOf(observed, committed);
  const generation = set.metadata.generation ?? 0;
  const desired = conditionsOf(observed, standing);
  const isReady = desired.some(({ type, status }) => type === 'Ready' && status === 'True');
  const token = tokenOf(observed, isReady ? committed : undefined);
  const absent = (['Reconciling', 'Stalled', 'TestsPassed'] as const).filter(
    (type) => !desired.some((entry) => entry.type === type),
  );
  const counts = progress?.counts ?? set.status?.pdps;
  const exceptions = progress === undefined ? (set.status?.exceptions ?? []) : exceptionsOf(progress);
  return {
    observedGeneration: generation,
    ...(newest === undefined ? {} : { desiredRevision: newest.n, desiredDigest: newest.digest }),
    ...(committed === undefined ? {} : { committedRevision: committed.n, committedDigest: committed.digest }),
    ...(token === undefined ? {} : { token }),
    ...(newest === undefined ? {} : { rollout: rolloutOf(newest, progress) }),
    ...(counts === undefined ? {} : { pdps: { ...counts }, pdpsActive: activeText(progress, counts) }),
    ...(exceptions.length === 0 ? {} : { exceptions }),
    ...sitesOf(observed),
    ...(failed.length === 0 ? {} : { failedDigests: failed }),
    ...(lastConvergence === undefined ? {} : { lastConvergence }),
    ...boundOf(progress),
    conditions: mergeConditions(set.status?.conditions, desired, absent, generation, rfc3339(now)),
  };
}

/** PDPs that serve the newest revision, if only to a share of their principals. */
function activeText(progress: RolloutProgress | undefined, { active, required }: PdpFigures): string {
  return `${Math.max(active, progress?.wave?.serving ?? 0)}/${required}`;
}

function rolloutOf(newest: RevisionView, progress: RolloutProgress | undefined): PolicySetStatus['rollout'] {
  const told = progress?.revision === newest.n ? progress : undefined;
  const { wave } = told ?? {};
  const hold = told && describeHold(told);
  return {
    revision: newest.n,
    phase: phaseOf(newest, progress),
    ...(wave === undefined ? {} : { wave: waveText(wave) }),
    ...(hold === undefined ? {} : { hold: hold.slice(0, 2048) }),
  };
}

/** A wave for people, who count from 1. */
export function waveText({ index, count }: { readonly index: number; readonly count: number }): string {
  return `${index + 1}/${count}`;
}

function boundOf(progress: RolloutProgress | undefined): Pick<PolicySetStatus, 'revocationBound'> {
  const ms = progress?.revocationBoundMs;
  return ms === undefined ? {} : { revocationBound: ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms` };
}

/** What every required PDP has served stays true of the set, whatever comes after: PDPs never go back. */
function tokenOf({ set }: ObservedSet, served: RevisionView | undefined): string | undefined {
  const setUid = set.metadata.uid;
  return served === undefined || setUid === undefined ? set.status?.token : encodeToken({ setUid, n: served.n });
}

const ENDS: ReadonlySet<RolloutPhase> = new Set(['Completed', 'Aborted', 'RolledBack']);

/** The phase of a revision in the API's words. */
export function phaseOf(
  { n, state, cause }: Pick<RevisionView, 'n' | 'state' | 'cause'>,
  progress: RolloutProgress | undefined,
): RolloutPhase {
  const told = progress?.revision === n ? progress.phase : undefined;
  switch (state) {
    case 'Aborted':
      return 'Aborted';
    case 'Stopped':
      // What is told of another revision by now is on its way in place of this one.
      return cause?.reason !== 'Superseded' && (told ?? 'RolledBack') === 'RolledBack' ? 'RolledBack' : 'Aborted';
    case 'Open':
      // What the distribution has done may be ahead of what is seen here: an end is believed only once it is durable.
      if (told === undefined || ENDS.has(told)) return 'Pending';
      return told === 'Gating' && progress?.hold === undefined ? 'Preparing' : told;
    case 'Committed':
      if (cause !== undefined) return (told ?? 'RolledBack') === 'RolledBack' ? 'RolledBack' : 'Aborted';
      return told === 'Completed' || told === 'Soaking' || told === 'Paused' ? told : 'Committing';
  }
}

/** The sites as the distribution knows them now, or knew them last. */
function sitesOf({ set, progress }: ObservedSet): Pick<PolicySetStatus, 'sites'> {
  if (set.spec.federation === undefined) return {};
  const { sites = [] } = progress ?? {};
  if (progress === undefined) return set.status?.sites === undefined ? {} : { sites: set.status.sites };
  const known = new Map((set.status?.sites ?? []).map(({ name, revision }) => [name, revision]));
  return {
    sites: sites.map(({ site, connected, active, prepared, report }) => ({
      name: site,
      connected,
      // A leader that is new has not heard of a site that is away: what was known of it stays.
      revision: connected || active > 0 ? active : (known.get(site) ?? 0),
      prepared,
      ...(report === undefined ? {} : { pdpsActive: `${report.counts.active}/${report.counts.required}` }),
    })),
  };
}

/** What the distribution's exceptions are in a status. */
export function exceptionsOf(progress: RolloutProgress): NonNullable<PolicySetStatus['exceptions']> {
  return progress.exceptions.map(({ node, state, active, reason }) => ({
    node,
    state,
    ...(active === 0 ? {} : { active }),
    ...(reason === '' ? {} : { reason: reason.slice(0, 2048) }),
  }));
}

function convergenceOf(
  { set, progress, now }: ObservedSet,
  committed: RevisionView | undefined,
): PolicySetStatus['lastConvergence'] {
  const before = set.status?.lastConvergence;
  if (committed === undefined || progress === undefined || before?.revision === committed.n) return before;
  const { counts } = progress;
  const isServed = progress.committed === committed.n && counts.required > 0 && counts.active >= counts.required;
  // After an abort the counts are about the committed revision too; while something is open they are about that.
  const isAbout = progress.revision === committed.n ? progress.phase === 'Completed' : progress.phase === 'Aborted';
  if (!isServed || !isAbout) return before;
  const isOwn = progress.revision === committed.n;
  const at = (isOwn ? progress.completedAt : undefined) ?? now;
  const created = Date.parse(committed.object.spec.createdAt);
  return {
    revision: committed.n,
    at: new Date(at).toISOString(),
    milliseconds: (isOwn ? progress.convergenceMs : undefined) ?? Math.max(0, Math.round(at - created)),
    skewMilliseconds: (isOwn ? progress.skewMs : undefined) ?? 0,
  };
}

type Verdict = {
  readonly ready: 'True' | 'False' | 'Unknown';
  readonly reason: ConditionReason;
  readonly message: string;
  readonly work?: 'Reconciling' | 'Stalled';
  readonly prepared?: boolean;
};

function conditionsOf(observed: ObservedSet, standing: Standing): readonly DesiredCondition[] {
  const { ready, reason, message, work, prepared = false } = verdictOf(observed, standing);
  const refusal = standing.type === 'Refused' ? standing.refusal : undefined;
  return [
    refusal === undefined
      ? { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'valid' }
      : { type: 'Accepted', status: 'False', reason: refusal.reason, message: refusal.message },
    prepared
      ? { type: 'Prepared', status: 'True', reason: 'AllPrepared', message: 'every required PDP has prepared it' }
      : { type: 'Prepared', status: ready === 'Unknown' ? 'Unknown' : 'False', reason, message },
    { type: 'Converged', status: ready, reason: ready === 'True' ? 'Converged' : reason, message },
    { type: 'Ready', status: ready, reason, message },
    ...testsOf(observed, refusal),
    ...(work === undefined ? [] : [{ type: work, status: 'True', reason, message } as const]),
  ];
}

/** Only what passed gets a revision, but suites come and change while it serves. */
function testsOf(
  { revisions, wanted, failedTest }: ObservedSet,
  refusal: Refusal | undefined,
): readonly DesiredCondition[] {
  const failure = refusal?.reason === 'TestsFailed' ? refusal.message : failedTest;
  if (failure !== undefined) return [{ type: 'TestsPassed', status: 'False', reason: 'TestsFailed', message: failure }];
  const head = headOf(revisions);
  const isHead = !isRefusal(wanted) && wanted.content === head?.content;
  const count = (isHead ? wanted.manifest.tests.length : head?.suites) ?? 0;
  const message = `revision ${head?.n ?? 0} passes ${count} test ${count === 1 ? 'suite' : 'suites'}`;
  return count === 0 ? [] : [{ type: 'TestsPassed', status: 'True', reason: 'TestsPassed', message }];
}

function verdictOf(observed: ObservedSet, standing: Standing): Verdict {
  switch (standing.type) {
    case 'Withdrawing':
      return no('Withdrawing', 'the set is being withdrawn from its PDPs', 'Reconciling');
    case 'Refused':
      return no(standing.refusal.reason, standing.refusal.message, 'Stalled');
    case 'Empty':
      return { ready: 'Unknown', reason: 'NoDomain', message: 'the set selects no domain' };
    case 'Paused':
      return no('Paused', 'the set is paused; what is wanted is not what serves', 'Stalled');
    case 'Failed': {
      const name = standing.n === undefined ? 'this content' : `revision ${standing.n}`;
      const end = standing.isRolledBack ? 'was taken back' : 'was given up';
      const message = `${name} ${end}, and the same content is not tried again by itself: ${standing.message}`;
      return no(standing.isRolledBack ? 'RolledBack' : FAILURES[standing.cause], message, 'Stalled');
    }
    case 'Resting': {
      const until = rfc3339(observed.now + standing.remainingMs);
      return no(
        'RepeatedFailure',
        `three revisions failed within ten minutes; edit the set, or wait until ${until}`,
        'Stalled',
      );
    }
    case 'Waiting':
    case 'Due':
      return no('Progressing', 'a revision is about to be made', 'Reconciling');
    case 'Settled':
      return servedVerdict(observed, standing.head);
  }
}

/** What the end of a rollout is called in a condition. */
export const FAILURES: Readonly<Record<AbortReason, ConditionReason>> = {
  Nack: 'Nacked',
  Timeout: 'DeadlineExceeded',
  Superseded: 'Superseded',
  User: 'Aborted',
  Gate: 'ShadowDiffers',
  Analysis: 'AnalysisFailed',
};

/** What a rollout is waiting for, where that is more than the PDPs. */
export const HOLDS: Readonly<
  Partial<Record<NonNullable<RolloutProgress['hold']>['reason'], { reason: ConditionReason; isStalled: boolean }>>
> = {
  PauseRequested: { reason: 'Paused', isStalled: true },
  ApprovalRequired: { reason: 'AwaitingApproval', isStalled: true },
  ShadowNoTraffic: { reason: 'NoTraffic', isStalled: false },
  Soak: { reason: 'Soaking', isStalled: false },
  AnalysisFailed: { reason: 'AnalysisFailed', isStalled: true },
  AnalysisUnknown: { reason: 'AnalysisUnknown', isStalled: true },
  DeadlineExceeded: { reason: 'DeadlineExceeded', isStalled: true },
  RepeatedFailure: { reason: 'RepeatedFailure', isStalled: true },
};

function servedVerdict({ set, progress }: ObservedSet, head: RevisionView): Verdict {
  const told = describeProgress(progress);
  if (head.state === 'Open') {
    const isPrepared = progress !== undefined && progress.revision === head.n && progress.counts.required > 0;
    const prepared = isPrepared && progress.counts.prepared >= progress.counts.required;
    const hold = progress?.revision === head.n ? progress.hold : undefined;
    const known = hold && HOLDS[hold.reason];
    const why = hold && progress && describeHold(progress);
    const message = `revision ${head.n}: ${told}${why === undefined ? '' : `; ${why}`}`;
    const work = known?.isStalled === true ? 'Stalled' : 'Reconciling';
    return { ...no(known?.reason ?? 'Progressing', message, work), prepared };
  }
  const isCounted = progress !== undefined && progress.committed === head.n;
  const isSettling = progress?.ready.status === 'Unknown' && progress.ready.reason === 'Progressing';
  if (!isCounted || isSettling) return unheardVerdict(set, head);
  const { counts } = progress;
  const { minReady } = set.spec;
  if (head.cause !== undefined) {
    return no('RolledBack', `revision ${head.n} failed: ${head.cause.message}`, 'Reconciling');
  }
  if (progress.revision === head.n && progress.phase !== 'Completed') {
    const known = progress.hold && HOLDS[progress.hold.reason];
    if (known !== undefined) {
      const message = `revision ${head.n}: ${told}; ${progress.hold?.message ?? ''}`;
      return { ...no(known.reason, message, known.isStalled ? 'Stalled' : 'Reconciling'), prepared: true };
    }
    return { ...no('WaitingForPDP', `revision ${head.n} is decided: ${told}`, 'Reconciling'), prepared: true };
  }
  const name = `revision ${head.n}`;
  if (counts.active < counts.required) {
    return {
      ...no('WaitingForPDP', `${counts.active} of ${counts.required} PDPs serve ${name}`, 'Reconciling'),
      prepared: true,
    };
  }
  if (counts.required === 0 && minReady > 0) {
    return {
      ready: 'Unknown',
      reason: 'NoPDP',
      message: `${name} is decided, but no PDP serves the set`,
      prepared: true,
    };
  }
  if (counts.active < minReady) {
    const message = `${counts.active} PDPs serve ${name}, at least ${minReady} must`;
    return { ...no('PDPUnavailable', message, 'Reconciling'), prepared: true };
  }
  return {
    ready: 'True',
    reason: 'Converged',
    message: `${counts.active} of ${counts.required} PDPs serve ${name}`,
    prepared: true,
  };
}

/**
 * A new leader has not heard from all PDPs yet. What they confirmed to the one before stays true, as a PDP never goes
 * back: the verdict stays, if it was about this revision and this spec.
 */
function unheardVerdict(set: ObservedSet['set'], head: RevisionView): Verdict {
  const before = findCondition(set.status?.conditions, 'Ready');
  const isSame =
    set.status?.committedRevision === head.n &&
    set.status.lastConvergence?.revision === head.n &&
    before?.observedGeneration === set.metadata.generation;
  if (isSame && before?.status === 'True') {
    return { ready: 'True', reason: 'Converged', message: before.message, prepared: true };
  }
  return {
    ...no('WaitingForPDP', `revision ${head.n} is decided; waiting for the PDPs to report`, 'Reconciling'),
    prepared: true,
  };
}

function no(reason: ConditionReason, message: string, work: 'Reconciling' | 'Stalled'): Verdict {
  return { ready: 'False', reason, message, work };
}
