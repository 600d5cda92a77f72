import type { DesiredCondition } from '@edict/crds';
import type { ObservedDomain, SetView } from './observed.ts';

/** Where one set stands with the domain's digest. */
interface SetVerdict {
  readonly prepared: boolean;
  readonly converged: boolean;
  readonly ready: DesiredCondition;
  /** The work has stopped and needs the user. */
  readonly stalled: boolean;
}

/** Every condition of a domain that is not being deleted. `digest` is what its sets are to carry. */
export function conditionsOf(observed: ObservedDomain, digest: string | undefined): readonly DesiredCondition[] {
  const { judgement } = observed;
  if (judgement === undefined) return [];
  if (judgement.type === 'invalid') {
    const { reason, message } = judgement;
    return [
      { type: 'Accepted', status: 'False', reason, message },
      {
        type: 'Rendered',
        status: 'False',
        reason,
        message: 'this generation is not rendered; what was valid before serves on',
      },
      { type: 'Prepared', status: 'False', reason, message: 'this generation is refused' },
      { type: 'Converged', status: 'False', reason, message: 'this generation is refused' },
      { type: 'Ready', status: 'False', reason, message },
      { type: 'Stalled', status: 'True', reason, message },
    ];
  }
  const verdicts = observed.sets.filter(({ selects }) => selects).map((set) => verdictOf(set, digest));
  const [worst] = [...verdicts].sort((a, b) => severity(a) - severity(b));
  const ready = worst?.ready ?? condition('Ready', 'False', 'NoSet', 'no PolicySet selects this domain');
  const isPrepared = verdicts.length > 0 && verdicts.every(({ prepared }) => prepared);
  const isConverged = verdicts.length > 0 && verdicts.every(({ converged }) => converged);
  const isStalled = worst === undefined || worst.stalled;
  const { reason, message } = ready;
  return [
    condition('Accepted', 'True', 'Accepted', 'valid'),
    condition('Rendered', 'True', 'Rendered', `bundle ${digest ?? ''}`),
    isPrepared
      ? condition('Prepared', 'True', 'AllPrepared', 'every required PDP has prepared it')
      : { type: 'Prepared', status: 'False', reason, message },
    isConverged
      ? condition('Converged', 'True', 'Converged', 'every required PDP serves it')
      : { type: 'Converged', status: ready.status === 'Unknown' ? 'Unknown' : 'False', reason, message },
    ready,
    ...(ready.status === 'True' || ready.status === 'Unknown'
      ? []
      : [condition(isStalled ? 'Stalled' : 'Reconciling', 'True', reason, message)]),
  ];
}

function severity({ ready, stalled }: SetVerdict): number {
  if (ready.status === 'True') return 3;
  if (ready.status === 'Unknown') return 2;
  return stalled ? 0 : 1;
}

function verdictOf(set: SetView, digest: string | undefined): SetVerdict {
  const { committed, newest } = set;
  if (committed !== undefined && committed.digest === digest) {
    // It failed when everyone had it, and serves until what was before has come back.
    const failed = set.takenBack.find((taken) => taken.n === committed.since);
    if (failed !== undefined) return stalled('RolledBack', `revision ${failed.n} failed: ${failed.message}`);
    return servedVerdict(set, committed.since);
  }
  if (set.refusal !== undefined) return stalled(set.refusal.reason, set.refusal.message);
  if (newest?.digest === digest && newest?.state === 'Aborted') {
    const { reason = 'User', message = '' } = newest.cause ?? {};
    const text = `revision ${newest.n} was given up: ${message}`;
    if (reason === 'Nack') return stalled('Nacked', text);
    if (reason === 'Timeout') return stalled('DeadlineExceeded', text);
    if (reason === 'User') return stalled('Aborted', text);
    if (reason === 'Gate') return stalled('ShadowDiffers', text);
    if (reason === 'Analysis') return stalled('AnalysisFailed', text);
  }
  const isOnItsWay = newest?.digest === digest && newest?.state === 'Open';
  const back = isOnItsWay ? undefined : set.takenBack.findLast((taken) => taken.digest === digest);
  if (back !== undefined) return stalled('RolledBack', `revision ${back.n} was taken back: ${back.message}`);
  if (set.rolledBack) return stalled('RolledBack', `${set.name} is rolled back to an earlier content`);
  if (set.paused && newest?.hold?.reason !== 'Paused') return stalled('Paused', `${set.name} is paused`);
  if (newest?.digest === digest && newest?.state === 'Open') {
    const { reason = 'WaitingForPDP', isStalled = false } = newest.hold ?? {};
    const message = `${set.name}@${newest.n}: ${newest.progress}`;
    return isStalled ? stalled(reason, message) : progressing(reason, message);
  }
  return progressing('Progressing', `${set.name} is about to get a revision with it`);
}

/** The digest is committed since revision `since`. */
function servedVerdict(set: SetView, since: number): SetVerdict {
  const name = `${set.name}@${since}`;
  const isConverged = set.convergedRevision >= since;
  // Who counted no PDP knows of none; a set may say that this is how it should be.
  if (set.required === 0 && set.minReady === 0) return done(`${name} is decided; the set asks for no PDP`);
  if (set.required === 0) {
    const ready = condition('Ready', 'Unknown', 'NoPDP', `${name} is decided, but no PDP serves ${set.name}`);
    return { prepared: true, converged: false, ready, stalled: false };
  }
  if (isConverged && (set.required === undefined || set.required >= set.minReady)) {
    return done(`${name} serves on every required PDP`);
  }
  const { newest } = set;
  if (!isConverged && newest?.hold !== undefined && newest.n === set.committed?.n) {
    const ready = condition('Ready', 'False', newest.hold.reason, `${name}: ${newest.hold.message}`);
    return { prepared: true, converged: false, ready, stalled: false };
  }
  const message = isConverged
    ? `${set.required ?? 0} PDPs serve ${set.name}, at least ${set.minReady} must`
    : `${name} is decided: ${set.newest?.progress ?? 'waiting for the PDPs'}`;
  return {
    prepared: true,
    converged: isConverged,
    ready: condition('Ready', 'False', isConverged ? 'PDPUnavailable' : 'WaitingForPDP', message),
    stalled: false,
  };
}

function done(message: string): SetVerdict {
  return { prepared: true, converged: true, ready: condition('Ready', 'True', 'Converged', message), stalled: false };
}

function stalled(reason: DesiredCondition['reason'], message: string): SetVerdict {
  return { prepared: false, converged: false, ready: condition('Ready', 'False', reason, message), stalled: true };
}

function progressing(reason: DesiredCondition['reason'], message: string): SetVerdict {
  return { prepared: false, converged: false, ready: condition('Ready', 'False', reason, message), stalled: false };
}

function condition(
  type: DesiredCondition['type'],
  status: DesiredCondition['status'],
  reason: DesiredCondition['reason'],
  message: string,
): DesiredCondition {
  return { type, status, reason, message };
}
