import { describe, expect, test } from '@jest/globals';
import { aDigest, aRevision } from '../testing/builders.ts';
import { anObservation, RolloutDriver, someOptions } from '../testing/rollout-driver.ts';
import { OPERATOR_TUNING, type DecisionRequest } from './observation.ts';

const NODES = ['a', 'b', 'c', 'd', 'e'];
const members = (...names: string[]) => new Map(names.map((name) => [name, `default/${name}`]));

/** A rollout of revision 1 to so many PDPs, all asked to prepare it. */
function preparing(count: number, options = someOptions({})): RolloutDriver {
  const driver = new RolloutDriver(anObservation({ options }));
  for (const node of NODES.slice(0, count)) driver.connect(node);
  driver.observe({ undecided: [aRevision(1)] });
  return driver;
}

/** Revision 1 is served by all. */
function completed(count: number): RolloutDriver {
  const driver = preparing(count);
  for (const node of NODES.slice(0, count)) driver.prepared(node, aRevision(1));
  driver.answer('written');
  for (const node of NODES.slice(0, count)) driver.active(node, aRevision(1));
  driver.observe({ undecided: [], committed: aRevision(1), completed: true });
  driver.said();
  driver.decisions = [];
  return driver;
}

describe('one wave', () => {
  test('prepares on all, decides, and only after the decision is written says Commit', () => {
    const driver = preparing(2);
    expect(driver.said()).toEqual(['Prepare 1 -> a', 'Prepare 1 -> b']);
    driver.prepared('a', aRevision(1));
    expect(driver.decisions).toEqual([]);
    driver.prepared('b', aRevision(1));
    expect(driver.decisions).toMatchObject([{ revision: { n: 1 }, decision: { type: 'Commit' } }]);
    expect(driver.progress().phase).toBe('Gating');
    expect(driver.said()).toEqual([]);
    driver.answer('written');
    expect(driver.said()).toEqual(['Commit 1 -> a', 'Commit 1 -> b']);
    expect(driver.progress()).toMatchObject({ phase: 'Committing', ready: { status: 'False', reason: 'Progressing' } });
    driver.active('a', aRevision(1));
    expect(driver.progress()).toMatchObject({ phase: 'Committing', counts: { required: 2, prepared: 2, active: 1 } });
    driver.active('b', aRevision(1));
    expect(driver.progress()).toMatchObject({ phase: 'Completed', ready: { status: 'True', reason: 'Converged' } });
  });

  test('an offer carries the signed revision, the ticket of its node and the time that is left', () => {
    const driver = preparing(1);
    expect(driver.announced).toEqual([
      {
        to: 'a',
        message: {
          type: 'Prepare',
          set: 'default/payments',
          revision: aRevision(1),
          ticket: 'ticket of a',
          deadlineMs: 60_000,
          spreadMs: OPERATOR_TUNING.spreadMs,
        },
      },
    ]);
  });

  test('convergence is measured from the creation, skew from the first Active to the last', () => {
    const driver = new RolloutDriver(anObservation());
    const created = aRevision(1, { createdAt: new Date(driver.now().wall).toISOString() });
    driver
      .connect('a')
      .connect('b')
      .observe({ undecided: [created] });
    driver.wait(1000);
    driver.prepared('a', created).prepared('b', created).answer('written');
    driver.active('a', created).wait(500).active('b', created);
    expect(driver.progress()).toMatchObject({ convergenceMs: 1500, skewMs: 500, phase: 'Completed' });
  });

  test('a lost Prepared is made good by the next Beat', () => {
    const driver = preparing(1);
    driver.beat('a', 0, 1);
    expect(driver.decisions).toHaveLength(1);
  });

  test('a lost Active is made good by the next Beat', () => {
    const driver = preparing(1).prepared('a', aRevision(1)).answer('written');
    driver.beat('a', 1, 0);
    expect(driver.progress().phase).toBe('Completed');
  });

  test('a lost Prepare or Commit is said again after a while', () => {
    const driver = preparing(1);
    driver.said();
    driver.wait(OPERATOR_TUNING.resendMs - 500);
    expect(driver.said()).toEqual([]);
    driver.wait(500);
    expect(driver.said()).toEqual(['Prepare 1 -> a']);
    driver.prepared('a', aRevision(1)).answer('written');
    driver.said();
    driver.wait(OPERATOR_TUNING.resendMs);
    expect(driver.said()).toEqual(['Commit 1 -> a']);
  });

  test('a repeated message changes nothing', () => {
    const driver = preparing(2);
    driver.prepared('a', aRevision(1)).prepared('a', aRevision(1)).prepared('a', aRevision(1));
    expect(driver.decisions).toEqual([]);
    expect(driver.progress().counts.prepared).toBe(1);
  });

  test('a message about another revision is not taken for this one', () => {
    const driver = preparing(1)
      .prepared('a', aRevision(1, { digest: aDigest('other') }))
      .active('a', aRevision(7, { setUid: 'uid-0' }));
    expect(driver.decisions).toEqual([]);
    expect(driver.progress().counts.active).toBe(0);
  });
});

describe('the required set', () => {
  test('a joiner never enters it, gets the committed revision first, and the open one when it serves that', () => {
    const driver = completed(2);
    driver.observe({ undecided: [aRevision(2)] });
    driver.said();
    driver.connect('c');
    expect(driver.said()).toEqual(['Commit 1 -> c']);
    expect(driver.progress().counts.required).toBe(2);
    driver.active('c', aRevision(1));
    expect(driver.said()).toEqual(['Prepare 2 -> c']);
    driver.prepared('a', aRevision(2)).prepared('b', aRevision(2));
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
  });

  test('a PDP that is only away stays required', () => {
    const driver = preparing(2).observe({ members: members('a', 'b') });
    driver.disconnect('b').prepared('a', aRevision(1)).wait(30_000);
    expect(driver.decisions).toEqual([]);
    expect(driver.progress().exceptions).toMatchObject([{ node: 'default/b', state: 'Missing' }]);
  });

  test('a PDP whose pod is gone leaves it', () => {
    const driver = preparing(2).observe({ members: members('a', 'b') });
    driver.prepared('a', aRevision(1)).disconnect('b');
    expect(driver.decisions).toEqual([]);
    driver.observe({ members: members('a') });
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
  });

  test('without a list of members a PDP that is away for long is gone', () => {
    const driver = preparing(2, someOptions({ progressDeadlineMs: 600_000 }))
      .prepared('a', aRevision(1))
      .disconnect('b');
    driver.wait(OPERATOR_TUNING.goneAfterMs - 500);
    expect(driver.decisions).toEqual([]);
    driver.wait(500);
    expect(driver.decisions).toHaveLength(1);
  });

  test('when all of it is gone, those who came since are asked instead of deciding on nobody’s word', () => {
    const driver = preparing(1).observe({ members: members('a', 'b') });
    driver.connect('b').disconnect('a');
    driver.said();
    driver.observe({ members: members('b') });
    expect(driver.decisions).toEqual([]);
    expect(driver.progress().counts.required).toBe(1);
    driver.prepared('b', aRevision(1));
    expect(driver.decisions).toHaveLength(1);
  });

  test('no PDP at all: the revision is decided, readiness is unknown, and the first joiner gets it', () => {
    const driver = preparing(0);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
    driver.answer('written');
    expect(driver.progress()).toMatchObject({ phase: 'Completed', ready: { status: 'Unknown', reason: 'NoPDP' } });
    driver.connect('a');
    expect(driver.said()).toEqual(['Commit 1 -> a']);
    driver.active('a', aRevision(1));
    expect(driver.progress().ready).toMatchObject({ status: 'True' });
  });

  test('no PDP at all is ready for a set that needs none', () => {
    const driver = preparing(0, someOptions({ minReady: 0 })).answer('written');
    expect(driver.progress().ready.status).toBe('True');
  });

  test('fewer PDPs than the set needs is not ready', () => {
    const driver = preparing(1, someOptions({ minReady: 2 }))
      .prepared('a', aRevision(1))
      .answer('written')
      .active('a', aRevision(1));
    expect(driver.progress().ready).toMatchObject({ status: 'False', reason: 'TooFewPDPs' });
  });

  test('a scale-up after the rollout is counted from the moment that it serves', () => {
    const driver = completed(2);
    driver.connect('c');
    expect(driver.progress()).toMatchObject({ ready: { status: 'True' }, counts: { required: 2, connected: 3 } });
    driver.active('c', aRevision(1));
    expect(driver.progress().counts).toMatchObject({ required: 3, active: 3 });
  });
});

describe('NACKs', () => {
  test('a deterministic one aborts at once and says so to everyone who was asked', () => {
    const driver = preparing(3).prepared('a', aRevision(1));
    driver.said();
    driver.nack('b', aRevision(1), true);
    expect(driver.decisions).toMatchObject([
      {
        decision: {
          type: 'Abort',
          cause: { reason: 'Nack', message: 'default/b: Compile rego_unsafe_var_error: because' },
        },
      },
    ]);
    driver.answer('written');
    expect(driver.said()).toEqual(['Abort 1 -> a', 'Abort 1 -> b', 'Abort 1 -> c']);
    expect(driver.progress()).toMatchObject({
      phase: 'Aborted',
      ready: { status: 'False', reason: 'Rejected' },
      counts: { nacked: 1 },
    });
  });

  test('a deterministic one of a joiner aborts too: nobody is to serve what someone can never load', () => {
    const driver = preparing(1).connect('late').nack('late', aRevision(1), true);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Abort' } }]);
  });

  test('a refusal stands even if its PDP is gone before the abort is written', () => {
    const driver = preparing(2).observe({ members: members('a', 'b') });
    driver
      .nack('b', aRevision(1), true)
      .answer('failed')
      .disconnect('b')
      .observe({ members: members('a') });
    driver.prepared('a', aRevision(1)).wait(2000);
    expect(driver.decisions.map(({ decision }) => decision.type)).toEqual(['Abort', 'Abort']);
  });

  test('a transient one is retried after a random wait, and the revision is committed when it passes', () => {
    const driver = preparing(1);
    driver.said();
    driver.nack('a', aRevision(1), false);
    expect(driver.said()).toEqual([]);
    driver.wait(500);
    expect(driver.said()).toEqual(['Prepare 1 -> a']);
    expect(driver.progress().exceptions).toMatchObject([{ state: 'Nacked', reason: 'Fetch Unavailable: because' }]);
    driver.prepared('a', aRevision(1));
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
  });

  test('transient ones up to the deadline abort as a time-out that names the last of them', () => {
    const driver = preparing(1).nack('a', aRevision(1), false).wait(60_000);
    expect(driver.decisions).toMatchObject([
      {
        decision: {
          type: 'Abort',
          cause: {
            reason: 'Timeout',
            message: '1 of 1 required PDPs had not prepared at the deadline; default/a: Fetch Unavailable: because',
          },
        },
      },
    ]);
  });

  test('a content that was refused before is aborted without being offered to anyone', () => {
    const driver = new RolloutDriver(anObservation({ failedDigests: [aDigest(1)] }));
    driver.connect('a').observe({ undecided: [aRevision(1)] });
    expect(driver.said()).toEqual([]);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Abort', cause: { reason: 'Nack' } } }]);
  });

  test('also while the store does not show the refusal yet', () => {
    const driver = preparing(2).nack('a', aRevision(1), true).answer('written');
    driver.said();
    driver.observe({ undecided: [aRevision(1), aRevision(2, { digest: aDigest(1) })] });
    expect(driver.said()).toEqual([]);
    expect(driver.decisions.at(-1)).toMatchObject({ revision: { n: 2 }, decision: { type: 'Abort' } });
  });

  test('a PDP that cannot load the committed revision is not offered it again, but the next one is', () => {
    const driver = completed(1);
    driver.connect('b').nack('b', aRevision(1), true);
    driver.said();
    driver.wait(30_000).disconnect('b').connect('b');
    expect(driver.said()).toEqual([]);
    driver.observe({ undecided: [aRevision(2)] });
    expect(driver.said()).toEqual(['Prepare 2 -> a', 'Prepare 2 -> b']);
  });

  test('a PDP that refuses the committed revision and the open one is left alone: one refusal does not hide the other', () => {
    const driver = completed(1);
    driver.connect('b').nack('b', aRevision(1), true);
    driver.observe({ undecided: [aRevision(2)] });
    driver.said();
    driver.nack('b', aRevision(2), true);
    expect(driver.decisions.at(-1)).toMatchObject({ revision: { n: 2 }, decision: { type: 'Abort' } });
    const offered = driver.answer('written').wait(30_000).said();
    expect(offered.filter((text) => text.endsWith('-> b') && !text.startsWith('Abort'))).toEqual([]);
  });

  test('a newer engine is offered what the older one refused', () => {
    const driver = completed(1);
    driver.connect('b').nack('b', aRevision(1), true).disconnect('b');
    driver.said();
    driver.connect('b', {}, '1.1.0');
    expect(driver.said()).toEqual(['Commit 1 -> b']);
  });
});

describe('laggards', () => {
  test('few enough are left behind at the deadline, named, and brought up later', () => {
    const driver = preparing(5, someOptions({ maxLaggardsPercent: 20 }));
    for (const node of ['a', 'b', 'c', 'd']) driver.prepared(node, aRevision(1));
    expect(driver.decisions).toEqual([]);
    driver.wait(60_000);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
    driver.answer('written');
    for (const node of ['a', 'b', 'c', 'd']) driver.active(node, aRevision(1));
    expect(driver.progress()).toMatchObject({
      phase: 'Completed',
      counts: { required: 4, active: 4, laggards: 1 },
      exceptions: [{ node: 'default/e', state: 'Laggard' }],
    });
    driver.active('e', aRevision(1));
    expect(driver.progress().counts).toMatchObject({ required: 5, active: 5, laggards: 0 });
  });

  test('too many abort', () => {
    const driver = preparing(5, someOptions({ maxLaggardsPercent: 20 }));
    for (const node of ['a', 'b', 'c']) driver.prepared(node, aRevision(1));
    driver.wait(60_000);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Abort', cause: { reason: 'Timeout' } } }]);
  });

  test('nothing is committed on nobody’s word, however many may lag', () => {
    const driver = preparing(2, someOptions({ maxLaggardsPercent: 100 })).wait(60_000);
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Abort' } }]);
  });

  test('a share of prepared PDPs is enough where the set says so', () => {
    const driver = preparing(5, someOptions({ requirePreparedPercent: 80 }));
    for (const node of ['a', 'b', 'c']) driver.prepared(node, aRevision(1));
    expect(driver.decisions).toEqual([]);
    driver.prepared('d', aRevision(1));
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
  });
});

describe('decisions', () => {
  test('a newer revision supersedes the open one: its abort is written before the newer is offered', () => {
    const driver = preparing(1);
    driver.said();
    driver.observe({ undecided: [aRevision(1), aRevision(2)] });
    expect(driver.decisions).toMatchObject([
      { revision: { n: 1 }, decision: { type: 'Abort', cause: { reason: 'Superseded' } } },
    ]);
    expect(driver.said()).toEqual([]);
    driver.answer('written');
    expect(driver.said()).toEqual(['Abort 1 -> a', 'Prepare 2 -> a']);
  });

  test.each(['conflict', 'failed'] as const)('after a %s nothing is sent, and it is tried again', (outcome) => {
    const driver = preparing(1).prepared('a', aRevision(1));
    driver.said();
    driver.answer(outcome);
    expect(driver.said()).toEqual([]);
    driver.wait(OPERATOR_TUNING.decisionRetryMs);
    expect(driver.decisions).toHaveLength(2);
    driver.answer('written');
    expect(driver.said()).toEqual(['Commit 1 -> a']);
  });

  test.each<[string, (asked: DecisionRequest) => DecisionRequest]>([
    ['another wave', (asked) => ({ ...asked, wave: { ...asked.wave, index: asked.wave.index + 1 } })],
    ['another revision', (asked) => ({ ...asked, revision: { ...asked.revision, n: asked.revision.n + 1 } })],
    [
      'an end of it, asked for before the set was forgotten and seen anew',
      (asked) => ({ ...asked, decision: { type: 'Abort', cause: { reason: 'Superseded', message: '' } } }),
    ],
  ])('an answer about %s is none', (_what, other) => {
    const driver = preparing(1).prepared('a', aRevision(1));
    driver.said();
    const [asked] = driver.decisions;
    if (asked === undefined) throw new Error('nothing was asked for');
    expect(driver.rollout.decisionAnswered(other(asked), 'written', driver.now())).toEqual([]);
    expect(driver.progress().phase).toBe('Gating');
    driver.answer('written');
    expect(driver.said()).toEqual(['Commit 1 -> a']);
  });

  test('an end for another reason is none either: what follows hangs on the reason', () => {
    const driver = preparing(1).nack('a', aRevision(1), true);
    const [asked] = driver.decisions;
    if (asked?.decision.type !== 'Abort') throw new Error('no end was asked for');
    const decision = { type: 'Abort', cause: { ...asked.decision.cause, reason: 'User' } } as const;
    expect(driver.rollout.decisionAnswered({ ...asked, decision }, 'written', driver.now())).toEqual([]);
    expect(driver.progress().phase).not.toBe('Aborted');
    driver.answer('written');
    expect(driver.progress()).toMatchObject({ phase: 'Aborted', cause: { reason: 'Nack' } });
  });

  test('a commit that someone else wrote is adopted', () => {
    const driver = preparing(2);
    driver.said();
    driver.observe({ undecided: [], committed: aRevision(1) });
    expect(driver.said()).toEqual(['Commit 1 -> a', 'Commit 1 -> b']);
    expect(driver.progress().phase).toBe('Committing');
  });

  test('an abort by the user is adopted', () => {
    const driver = preparing(1);
    driver.said();
    driver.observe({
      undecided: [],
      aborted: { revision: aRevision(1), cause: { reason: 'User', message: 'kubectl' } },
    });
    expect(driver.said()).toEqual(['Abort 1 -> a']);
    expect(driver.progress()).toMatchObject({ phase: 'Aborted', ready: { reason: 'Aborted' } });
  });

  test('an old view of the store takes nothing back', () => {
    const driver = preparing(1).prepared('a', aRevision(1)).answer('written').active('a', aRevision(1));
    driver.said();
    driver.observe({ undecided: [aRevision(1)] });
    expect(driver.said()).toEqual([]);
    expect(driver.progress()).toMatchObject({ committed: 1, phase: 'Completed' });
  });

  test('a set that was made again starts from nothing, at 1', () => {
    const driver = completed(1);
    const again = aRevision(1, { setUid: 'uid-2' });
    driver.rollout.observe(anObservation({ setUid: 'uid-2', undecided: [again] }), driver.now());
    expect(driver.progress()).toMatchObject({
      setUid: 'uid-2',
      revision: 1,
      phase: 'Preparing',
      committed: 0,
      counts: { active: 0 },
    });
  });
});

describe('a new leader', () => {
  test('waits for its PDPs before it judges who is required', () => {
    const driver = new RolloutDriver(anObservation({ undecided: [aRevision(1)] }), 35_000);
    driver.connect('a');
    driver.wait(34_000);
    expect(driver.decisions).toEqual([]);
    expect(driver.said()).toEqual([]);
    driver.wait(1_000);
    expect(driver.said()).toEqual(['Prepare 1 -> a']);
  });

  test('waits no longer than until every member is back', () => {
    const driver = new RolloutDriver(anObservation({ undecided: [aRevision(1)], members: members('a', 'b') }), 35_000);
    driver.connect('a');
    expect(driver.said()).toEqual([]);
    driver.connect('b');
    expect(driver.said()).toEqual(['Prepare 1 -> a', 'Prepare 1 -> b']);
  });

  test('between prepare and decision asks again: what is staged counts once it is said again', () => {
    const driver = new RolloutDriver(
      anObservation({ undecided: [aRevision(2)], committed: aRevision(1), completed: true }),
      1000,
    );
    driver.connect('a', { active: aRevision(1), staged: aRevision(2) }).wait(1000);
    expect(driver.said()).toEqual(['Prepare 2 -> a']);
    expect(driver.decisions).toEqual([]);
    driver.prepared('a', aRevision(2));
    expect(driver.decisions).toMatchObject([{ decision: { type: 'Commit' } }]);
  });

  test('after a decision that was never sent sends it, and completes', () => {
    const driver = new RolloutDriver(anObservation({ committed: aRevision(2), completed: false }), 1000);
    driver.connect('a', { active: aRevision(1), staged: aRevision(2) });
    expect(driver.said()).toEqual(['Commit 2 -> a']);
    driver.active('a', aRevision(2)).wait(1000);
    expect(driver.progress()).toMatchObject({ revision: 2, phase: 'Completed', ready: { status: 'True' } });
  });

  test('finds nothing to do where all is done', () => {
    const driver = new RolloutDriver(anObservation({ committed: aRevision(2), completed: true }));
    driver.connect('a', { active: aRevision(2) }).wait(10_000);
    expect(driver.said()).toEqual([]);
    expect(driver.decisions).toEqual([]);
    expect(driver.progress()).toMatchObject({
      phase: 'Completed',
      ready: { status: 'True' },
      counts: { required: 1, active: 1 },
    });
  });

  test('shows a revision that was aborted before its time as what it is', () => {
    const aborted = { revision: aRevision(2), cause: { reason: 'Nack' as const, message: 'line 3' } };
    const driver = new RolloutDriver(anObservation({ committed: aRevision(1), completed: true, aborted }));
    driver.connect('a', { active: aRevision(1) });
    expect(driver.progress()).toMatchObject({
      revision: 2,
      phase: 'Aborted',
      committed: 1,
      ready: { status: 'False', reason: 'Rejected' },
    });
  });
});

test('at most twenty exceptions are listed, the worst first', () => {
  const driver = new RolloutDriver(anObservation());
  for (let index = 0; index < 30; index += 1) driver.connect(`node-${String(index).padStart(2, '0')}`);
  driver.observe({ undecided: [aRevision(1)] });
  driver.nack('node-29', aRevision(1), false);
  const { exceptions } = driver.progress();
  expect(exceptions).toHaveLength(20);
  expect(exceptions[0]).toMatchObject({ nodeId: 'node-29', state: 'Nacked' });
});
