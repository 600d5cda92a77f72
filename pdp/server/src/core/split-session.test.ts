import { expect, test } from '@jest/globals';
import { encodeToken, type DomainModel, type Serving } from '@edict/bundle';
import { Serving as ServingSchema } from '@edict/crds';
import { principalShare } from '@edict/protocol';
import fc from 'fast-check';
import { ActiveSets } from '../active-sets.ts';
import { SetLoadMeters } from '../observability/set-load-meters.ts';
import { craneDomain, craneDomainWithRego, liftRequest, SET } from '../testing/revisions.ts';
import { snapshotOf } from '../testing/snapshots.ts';
import type { AuditSink } from './audit-sink.ts';
import { createDecisionCore } from './decision-core.ts';
import type { Session } from './session.ts';

const SALT = 'uid/1';
const HALF = 5_000;
/** Principals on either side of the half. */
const names = Array.from({ length: 50 }, (_, index) => `ada${index}`);
const [early = '', early2 = ''] = names.filter((name) => principalShare(SALT, name) < HALF);
const [late = ''] = names.filter((name) => principalShare(SALT, name) >= HALF);

const library = (answer: string): Partial<DomainModel> => ({
  libraries: [
    {
      ...{ mrn: 'mrn:harbour:library:loads', name: '', description: '', dependencies: [] },
      rego: `package loads\n\nanswer := "${answer}"\n`,
    },
  ],
});

const mapper = (sub: string, tons: number): Partial<DomainModel> => ({
  mappers: [
    {
      ...{ name: 'web', selector: ['.*'] },
      rego: `package mapper
import rego.v1
porc := {"principal": {"sub": ${sub}, "mroles": ["mrn:harbour:role:operator"]}, "operation": "crane:lift",
  "resource": "mrn:harbour:crane:7", "context": {"tons": ${tons}}}
`,
    },
  ],
});

interface Choice {
  readonly upTo?: number;
  readonly serving?: Serving;
  readonly before?: Partial<DomainModel>;
  readonly after?: Partial<DomainModel>;
}

function start({ upTo = HALF, serving = {}, before = {}, after = {} }: Choice = {}) {
  const sets = new ActiveSets();
  const revisionsOfRecords: (number | undefined)[] = [];
  const audit: AuditSink = {
    room: () => true,
    record: (decision, about) => {
      revisionsOfRecords.push(about.revision.n);
      if (!('kind' in decision)) revisionsOfRecords.push(decision.revision?.revision);
      return undefined;
    },
  };
  const setLoads = new SetLoadMeters();
  const core = createDecisionCore({ sets, audit, setLoads });
  const revision = (n: number, limit: number, change: Partial<DomainModel>) => ({
    ...{ set: SET, setUid: 'uid', n, digest: `sha256:${n}`, activatedAtMs: 0 },
    snapshot: snapshotOf([craneDomain(limit, change)], { serving }),
  });
  sets.swap(revision(1, 5, before));
  sets.split(revision(2, 9, after), { salt: SALT, upTo });
  const enter = (): Session => {
    const entry = core.enter({ api: 'manetu', instance: undefined });
    if (entry instanceof Promise || entry.kind === 'refused') throw new Error('not entered');
    return entry.session;
  };
  return { sets, core, enter, setLoads, revisionsOfRecords, revision };
}

const askOf = (sub: string, tons = 7): object => ({
  ...liftRequest(tons),
  principal: { sub, mroles: ['mrn:harbour:role:operator'] },
});

function allowed(session: Session, porc: unknown): boolean {
  const answer = session.decide(porc, { probe: false });
  if (answer instanceof Promise || answer.kind === 'refused') throw new Error('not decided');
  return answer.allow;
}

test('a principal of the share is answered by the canary and any other by the revision before, and answers and records say which', () => {
  const { enter, revisionsOfRecords } = start();
  const asked = [early, late].map((sub) => {
    const session = enter();
    const allow = allowed(session, askOf(sub));
    session.end();
    return { allow, n: session.revision.n, header: session.headers['policy-revision'] };
  });
  expect(asked).toStrictEqual([
    { allow: true, n: 2, header: '2' },
    { allow: false, n: 1, header: '1' },
  ]);
  expect(revisionsOfRecords).toStrictEqual([2, 2, 1, 1]);
});

test('a token never names a canary', () => {
  const { enter } = start();
  const session = enter();
  allowed(session, askOf(early));
  const token = encodeToken({ setUid: 'uid', n: 1 });
  expect([session.revision.token, session.headers['policy-token']]).toStrictEqual([token, token]);
  session.end();
});

test.each([
  ['a request that says nothing of who asks', { operation: 'crane:lift' }],
  ['a principal that is no text', { principal: { sub: 7 } }],
  ['a principal that has no name', { principal: { sub: '' } }],
  ['what is no PORC', 'none'],
])('%s is answered by the revision for all others, though the share is all but everyone', (_name, porc) => {
  const { enter } = start({ upTo: 9_999 });
  const session = enter();
  allowed(session, porc);
  expect(session.revision.n).toBe(1);
  session.end();
});

test('each item of a batch is answered by the revision of its own principal; what both answered is told as of the stable one', () => {
  const { enter } = start();
  const session = enter();
  const seen = [early, late, early2].map((sub) => [allowed(session, askOf(sub)), session.revision.n]);
  expect(seen).toStrictEqual([
    [true, 2],
    [false, 1],
    [true, 2],
  ]);
  expect([session.overall.n, session.headers['policy-revision']]).toStrictEqual([1, '1']);
  session.end();
});

test('a batch that only the canary answered is told as of the canary', () => {
  const { enter } = start();
  const session = enter();
  for (const sub of [early, early2]) allowed(session, askOf(sub));
  expect(session.overall.n).toBe(2);
  session.end();
});

test('a session keeps the pair that it entered with, whatever is swapped meanwhile', () => {
  const { sets, enter, revision } = start();
  const session = enter();
  sets.swap(revision(2, 9, {}));
  expect([allowed(session, askOf(late)), session.revision.n, sets.canaries.size]).toStrictEqual([false, 1, 0]);
  session.end();
});

test('one principal gets one answer from every core that has the same share', () => {
  const cores = [start(), start()];
  fc.assert(
    fc.property(fc.string(), (sub) => {
      const revisions = cores.map(({ enter }) => {
        const session = enter();
        allowed(session, askOf(sub));
        session.end();
        return session.revision.n;
      });
      expect(revisions[0]).toBe(revisions[1]);
      expect(revisions[0]).toBe(sub !== '' && principalShare(SALT, sub) < HALF ? 2 : 1);
    }),
  );
});

const answers = { documents: { policies: [] } };

test.each([
  ['the principal of a PORC', answers, (sub: string) => ({ principal: { sub } })],
  ['a subject that is a text', answers, (sub: string) => ({ subject: sub })],
  ['the id of a subject', answers, (sub: string) => ({ subject: { id: sub } })],
  ['the user', answers, (sub: string) => ({ user: sub })],
  [
    'the place that the set names',
    { ...answers, principal: 'input.claims.sub' },
    (sub: string) => ({ claims: { sub }, user: late }),
  ],
  [
    'the same without the input',
    { ...answers, principal: 'claims.sub' },
    (sub: string) => ({ claims: { sub }, user: late }),
  ],
])('a document is evaluated by the revision for %s', (_name, serving, inputOf) => {
  const { enter } = start({
    ...{ serving: ServingSchema.parse(serving), before: library('before'), after: library('after') },
  });
  const valueFor = (sub: string): unknown => {
    const session = enter();
    const answer = session.query({ path: ['loads', 'answer'], input: inputOf(sub) });
    session.end();
    return answer instanceof Promise || answer.kind === 'refused' || answer.outcome.kind !== 'value'
      ? answer
      : answer.outcome.value;
  };
  expect([valueFor(early), valueFor(late)]).toStrictEqual(['after', 'before']);
});

test('a subject with a type is another principal than one without', () => {
  const typed = names.find((id) => principalShare(SALT, `user:${id}`) < HALF && principalShare(SALT, id) >= HALF) ?? '';
  const { enter } = start({
    ...{ serving: ServingSchema.parse(answers), before: library('before'), after: library('after') },
  });
  const session = enter();
  void session.query({ path: ['loads', 'answer'], input: { subject: { type: 'user', id: typed } } });
  expect(session.revision.n).toBe(2);
  session.end();
});

test('what a mapper says of who asks chooses, and mapper and policy are then of one revision', () => {
  const serving = ServingSchema.parse({ envoy: { result: 'Mapper' } });
  const before = mapper('input.user', 6);
  // The canary's mapper would say that it is someone of the other side.
  const after = mapper(`"${late}"`, 8);
  const { enter } = start({ serving, before, after });
  const asked = [early, late].map((user) => {
    const session = enter();
    const mapped = session.map({ user }, undefined);
    if (mapped instanceof Promise || !mapped.ok) throw new Error('not mapped');
    const allow = allowed(session, mapped.value);
    session.end();
    return [allow, session.revision.n];
  });
  expect(asked).toStrictEqual([
    [true, 2],
    [false, 1],
  ]);
});

test('the request counts once against its set, and the loads of both revisions are told apart', () => {
  const { sets, enter, setLoads } = start();
  const session = enter();
  for (const sub of [early, late, early2]) allowed(session, askOf(sub));
  expect(sets.usages.of(SET).requests).toBe(1);
  session.end();
  expect(sets.usages.of(SET).requests).toBe(0);
  expect(setLoads.take().get(SET)).toMatchObject({
    load: { decisions: 1, denied: 1 },
    canaryLoad: { decisions: 2, denied: 0 },
  });
  expect(setLoads.take().size).toBe(0);
});

test('decisions of which an evaluation failed are errors of the revision that made them', () => {
  const conflict =
    'package authz\n\nallow = true { input.operation != "" }\n\nallow = false { input.operation != "" }\n';
  const { enter, setLoads } = start({ after: { policies: craneDomainWithRego(conflict).policies } });
  const session = enter();
  expect([early, late, early2].map((sub) => allowed(session, askOf(sub, 3)))).toStrictEqual([false, true, false]);
  session.end();
  expect(setLoads.take().get(SET)).toMatchObject({
    load: { decisions: 1, denied: 0, errors: 0 },
    canaryLoad: { decisions: 2, denied: 2, errors: 2 },
  });
});
