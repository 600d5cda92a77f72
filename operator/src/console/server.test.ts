import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { trustBundle } from '../certificates/plan.ts';
import { settleCertificates } from '../certificates/rotate.ts';
import type { Operator } from '../operator-types.ts';
import type { FolderStore } from '../store/folder/folder-store.ts';
import { aDomain, aSet, eventually, NAMESPACE, regoPermitting, type ConnectedPdp } from '../testing/fixtures.ts';
import { openFolderStage, type FolderStage } from '../testing/folder-stage.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { HEARTBEAT_MS, LISTENERS_PER_USER_MAX } from './events/event-hub.ts';
import { RIGHTS_MS } from './events/event-stream.ts';
import { BODY_MAX_BYTES } from './http/request.ts';
import type { ConsoleServerOptions } from './server.ts';
import { startConsole, type ConsoleFixture, type EventClient, type Rules } from './testing/console-fixture.ts';
import type { PdpList, PdpWhy, RevisionDiff, RevisionList, Series, SetDetail, SetList } from './wire.ts';

const READ = ['get policysets', 'list policysets', 'get policyrevisions', 'list policyrevisions'];
const TILL = `/api/v1/sets/${NAMESPACE}/till`;
let rules: Rules;
let stage: FolderStage;
let store: FolderStore;
let operator: Operator;
let fixture: ConsoleFixture;
let clock: ManualClock;
let pdps: readonly ConnectedPdp[];
const clients: EventClient[] = [];
const consoles: ConsoleFixture[] = [];

beforeEach(async () => {
  rules = {
    reader: READ,
    approver: [...READ, 'update policyrevisions'],
    owner: [...READ, 'update policyrevisions', 'update policysets'],
    neighbour: ['get policysets other', 'list policysets other'],
    nobody: [],
  };
  stage = await openFolderStage(60_000);
  ({ store, pdps } = stage);
  ({ operator } = await stage.start());
  clock = new ManualClock(Date.now());
  fixture = await open();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const { server } of consoles.splice(0)) await Promise.all([server.close(), clock.advance(2_000)]);
  await stage.close();
});

async function open(over: Partial<ConsoleServerOptions> = {}): Promise<ConsoleFixture> {
  const started = await startConsole(rules, { operator, store }, { clock, ...over });
  consoles.push(started);
  return started;
}

/** A set, one domain, and PDPs that serve its first revision. */
async function start(rollout: object = {}, count = 2): Promise<void> {
  await store.create(aSet('till', { rollout }));
  for (let index = 0; index < count; index += 1) stage.connect(operator, `${NAMESPACE}/till`, index);
  await store.create(aDomain('orders'));
  await until('revision 1 is completed', ({ summary }) => summary.ready.status === 'True' && summary.committed === 1);
}

async function until(what: string, holds: (detail: SetDetail) => boolean): Promise<SetDetail> {
  let seen: unknown;
  return await eventually(
    what,
    async () => {
      const { status, body } = await fixture.ask('reader', TILL);
      seen = body;
      return status === 200 && holds(body as SetDetail) ? (body as SetDetail) : undefined;
    },
    () => seen,
  );
}

/** The operator writes the object too. */
async function edit(who: string): Promise<void> {
  await eventually('the domain is changed', async () => {
    const domain = await store.get('PolicyDomain', { namespace: NAMESPACE, name: 'orders' });
    if (domain === undefined) return undefined;
    const policies = [{ mrn: 'mrn:policy:main', name: 'main', rego: regoPermitting(who) }];
    try {
      await store.update<'PolicyDomain'>({ ...domain, spec: { ...domain.spec, policies } });
      return true;
    } catch (error) {
      if ((error as { code?: string }).code !== 'Conflict') throw error;
      return undefined;
    }
  });
}

async function listen(user: string, query = '', lastEventId?: string): Promise<EventClient> {
  const client = await fixture.events(user, query, lastEventId);
  clients.push(client);
  return client;
}

const types = ({ seen }: EventClient): readonly string[] => seen.map(({ type }) => type);

test('a set, its revisions, its PDPs and why they are where they are', async () => {
  await start();
  await edit('bob');
  await until('revision 2 is completed', ({ summary }) => summary.ready.status === 'True' && summary.committed === 2);
  const list = (await fixture.ask('reader', '/api/v1/sets')).body as SetList;
  expect(list).toMatchObject({
    isPartial: false,
    sets: [
      {
        namespace: NAMESPACE,
        name: 'till',
        desired: 2,
        committed: 2,
        phase: 'Completed',
        health: 'Good',
        pdps: { required: 2, active: 2 },
      },
    ],
  });
  const history = (await fixture.ask('reader', `${TILL}/revisions?limit=1`)).body as RevisionList;
  expect(history.revisions).toMatchObject([{ n: 2, isServing: true, isCommitted: true, phase: 'Completed' }]);
  const older = await fixture.ask('reader', `${TILL}/revisions?limit=1&continue=${history.continue ?? ''}`);
  expect(older.body).toMatchObject({ revisions: [{ n: 1, isServing: false }] });
  expect(older.body).not.toHaveProperty('continue');
  expect((await fixture.ask('reader', `${TILL}/revisions/2`)).body).toMatchObject({
    summary: { n: 2 },
    domains: [{ name: 'orders' }],
    rollout: { waves: [{ index: 0, label: 'everyone', decision: 'Commit', state: 'Done' }] },
  });
  await eventually('the figures of both', async () => {
    const { points } = (await fixture.ask('reader', `${TILL}/series`)).body as Series;
    return points.map(({ n }) => n).join() === '1,2' ? true : undefined;
  });
  const diff = (await fixture.ask('reader', `${TILL}/diff`)).body as RevisionDiff;
  expect(diff).toMatchObject({
    from: 1,
    to: 2,
    isSameContent: false,
    domains: [{ name: 'orders', change: 'Changed', entities: [{ section: 'policies', id: 'mrn:policy:main' }] }],
  });
  expect(diff.domains[0]?.entities?.[0]?.lines?.filter((line) => /^[+-]/.test(line))).toStrictEqual([
    '-allow { input.principal.sub == "alice" }',
    '+allow { input.principal.sub == "bob" }',
  ]);
  const found = (await fixture.ask('reader', `${TILL}/pdps`)).body as PdpList;
  expect(found).toMatchObject({ total: 2, byState: { Active: 2 }, pdps: [{ active: 2 }, { active: 2 }] });
  const why = (await fixture.ask('reader', `${TILL}/pdps/node-0/why`)).body as PdpWhy;
  expect(why.findings).toMatchObject([{ code: 'Converged' }]);
});

test('PDPs come in pages and by filter, the worst first', async () => {
  await start({}, 3);
  await pdps[2]?.client.close();
  const missing = await eventually('one is missing', async () => {
    const { body } = await fixture.ask('reader', `${TILL}/pdps?limit=2`);
    return (body as PdpList).byState.Missing === 1 ? (body as PdpList) : undefined;
  });
  expect(missing.pdps.map(({ pod }) => pod)).toStrictEqual([`${NAMESPACE}/pdp-2`, `${NAMESPACE}/pdp-0`]);
  const rest = (await fixture.ask('reader', `${TILL}/pdps?limit=2&continue=${missing.continue ?? ''}`)).body as PdpList;
  expect(rest.pdps.map(({ pod }) => pod)).toStrictEqual([`${NAMESPACE}/pdp-1`]);
  expect((await fixture.ask('reader', `${TILL}/pdps?state=Missing`)).body).toMatchObject({ matching: 1, total: 3 });
  expect((await fixture.ask('reader', `${TILL}/pdps?q=pdp-1`)).body).toMatchObject({ matching: 1 });
});

test('a wave that waits is approved, by name; a rollout is ended, by name', async () => {
  await start({ approval: 'Required' });
  await edit('bob');
  const waiting = await until('it waits', ({ summary }) => summary.phase === 'AwaitingApproval');
  expect(waiting.summary.health).toBe('Waiting');
  expect(waiting.rollout).toMatchObject({ revision: 2, hold: { reason: 'ApprovalRequired' }, wave: 0 });
  expect(waiting.actions.map(({ action, isAllowed }) => [action, isAllowed])).toStrictEqual([
    ['pause', false],
    ['resume', false],
    ['approve', false],
    ['abort', false],
    ['undo', false],
  ]);
  expect((await fixture.act('reader', `${TILL}/actions/approve`, {})).status).toBe(403);
  const done = await fixture.act('approver', `${TILL}/actions/approve`, { revision: 2 });
  expect(done).toMatchObject({ status: 200, body: { by: 'approver', isChanged: true } });
  await until('revision 2 is completed', ({ summary }) => summary.committed === 2 && summary.phase === 'Completed');
  expect((await fixture.ask('reader', `${TILL}/revisions/2`)).body).toMatchObject({
    rollout: { waves: [{ approvedBy: 'approver', isApproved: true }] },
  });
  await edit('carol');
  await until('it waits again', ({ summary }) => summary.phase === 'AwaitingApproval' && summary.desired === 3);
  expect((await fixture.act('approver', `${TILL}/actions/abort`, {})).status).toBe(400);
  expect((await fixture.act('approver', `${TILL}/actions/abort`, { reason: 'wrong', revision: 2 })).status).toBe(409);
  expect((await fixture.act('approver', `${TILL}/actions/abort`, { reason: 'wrong' })).status).toBe(200);
  const ended = await until('it is ended', ({ summary }) => summary.phase === 'Aborted');
  expect(ended.rollout?.cause).toStrictEqual({ reason: 'User', message: 'wrong (approver)' });
  expect(fixture.lines.filter((line) => line.includes('a user acted'))).toHaveLength(2);
});

test('a set is paused, goes on and goes back; the history names who and why', async () => {
  await start();
  await edit('bob');
  await until('revision 2 is completed', ({ summary }) => summary.committed === 2 && summary.phase === 'Completed');
  expect((await fixture.act('approver', `${TILL}/actions/pause`, {})).status).toBe(403);
  expect((await fixture.act('owner', `${TILL}/actions/pause`, { reason: 'a freeze' })).status).toBe(200);
  const paused = await until('it is paused', ({ spec }) => spec.isPaused);
  expect(paused).toMatchObject({
    requests: { pause: { by: 'owner', reason: 'a freeze' } },
    summary: { health: 'Waiting' },
  });
  expect((await fixture.act('owner', `${TILL}/actions/pause`, {})).body).toMatchObject({ isChanged: false });
  expect((await fixture.act('owner', `${TILL}/actions/resume`, {})).status).toBe(200);
  await until('it goes on', ({ spec, requests }) => !spec.isPaused && requests.pause === undefined);
  expect((await fixture.act('owner', `${TILL}/actions/undo`, { now: true, reason: 'locked out' })).status).toBe(200);
  await until('it is back', ({ summary }) => summary.committed === 3 && summary.phase === 'Completed');
  expect(((await fixture.ask('reader', `${TILL}/revisions`)).body as RevisionList).revisions[0]).toMatchObject({
    n: 3,
    reason: 'Emergency',
    rollbackOf: 1,
    by: 'owner',
    why: 'locked out',
  });
});

test('who may see nothing learns nothing, not even what there is', async () => {
  await start();
  for (const path of [TILL, `${TILL}/pdps`, `${TILL}/revisions`, `${TILL}/diff`, `${TILL}/series`]) {
    expect((await fixture.ask('nobody', path)).status).toBe(403);
  }
  expect((await fixture.ask('nobody', '/api/v1/sets/shop/none')).status).toBe(403);
  expect((await fixture.ask('reader', '/api/v1/sets/shop/none')).status).toBe(404);
  expect((await fixture.ask('neighbour', '/api/v1/sets')).body).toMatchObject({ sets: [], isPartial: true });
  expect((await fixture.ask('neighbour', `/api/v1/sets?namespace=${NAMESPACE}`)).status).toBe(403);
  const stranger = await fixture.ask('stranger', '/api/v1/whoami');
  expect(stranger).toMatchObject({ status: 401, body: { type: 'urn:edict:problem:unauthenticated' } });
  expect(stranger.headers.get('www-authenticate')).toMatch(/^Bearer/);
  expect((await fixture.ask('nobody', '/api/v1/whoami')).body).toMatchObject({ user: 'nobody', by: 'Token' });
});

test.each<[string, string, RequestInit, number]>([
  ['a route that is not there', '/api/v1/sets/shop/till/zzz', {}, 404],
  ['another version', '/api/v2/sets', {}, 404],
  ['another method', '/api/v1/sets', { method: 'DELETE' }, 405],
  ['a filter that is misspelt', `${TILL}/pdps?stat=Active`, {}, 400],
  ['a filter that is given twice', `${TILL}/pdps?q=a&q=b`, {}, 400],
  ['a page without end', `${TILL}/pdps?limit=501`, {}, 400],
  ['a page mark of somebody else', `${TILL}/pdps?continue=zzz`, {}, 400],
  ['no revision number', `${TILL}/revisions/x`, {}, 400],
  ['an action that is not there', `${TILL}/actions/explode`, { method: 'POST', body: '{}' }, 404],
  ['a body of another type', `${TILL}/actions/pause`, { method: 'POST', body: '{}' }, 415],
  ['a body that is no JSON', `${TILL}/actions/pause`, { method: 'POST', body: '{', headers: JSON_TYPE() }, 400],
  ['an unknown member', `${TILL}/actions/pause`, { method: 'POST', body: '{"who":"me"}', headers: JSON_TYPE() }, 400],
  [
    'a body that is too large',
    `${TILL}/actions/pause`,
    { method: 'POST', body: 'x'.repeat(BODY_MAX_BYTES + 1), headers: JSON_TYPE() },
    413,
  ],
  ['a path that is not well encoded', '/api/v1/%zz', {}, 400],
])('%s is refused', async (_name, path, init, status) => {
  await store.create(aSet('till'));
  const answer = await fixture.ask('owner', path, init);
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
});

function JSON_TYPE(): Record<string, string> {
  return { 'content-type': 'application/json' };
}

test('every answer says that browsers keep, frame and guess nothing', async () => {
  const page = {
    contentSecurityPolicy: "default-src 'none'",
    files: [{ path: '', contentType: 'text/html', body: '<p>', etag: '"1"' }],
  };
  const withPage = await open({ page });
  for (const path of ['/', '/none', '/api/v1/whoami', '/api/v1/zzz']) {
    const { headers } = await withPage.ask('reader', path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('set-cookie')).toBeNull();
  }
  expect(await withPage.ask('', '/')).toMatchObject({ status: 200, body: '<p>' });
  expect((await withPage.ask('', '/', { headers: { 'if-none-match': '"1"' } })).status).toBe(304);
  expect((await withPage.ask('', '/../operator/package.json')).status).toBe(404);
});

test('a replica that does not lead names the one that does', async () => {
  const follower = await startConsole(rules, undefined, { clock });
  consoles.push(follower);
  const answer = await follower.ask('reader', '/api/v1/sets');
  expect(answer).toMatchObject({ status: 503, body: { type: 'urn:edict:problem:not-leading', leader: 'operator-7' } });
  expect(answer.headers.get('retry-after')).toBe('2');
  expect((await follower.events('reader')).status).toBe(503);
  expect((await follower.ask('reader', '/api/v1/whoami')).status).toBe(200);
});

test('a replica that does not lead passes on to the one that does, streams too, and never twice', async () => {
  await start();
  const now = Date.now();
  const state = await settleCertificates(undefined, ['console.test'], now);
  const tls = { certificate: state.serving.certificate, privateKey: state.serving.privateKey };
  const leader = await open({ tls });
  const address = { host: '127.0.0.1', port: leader.server.port, ca: trustBundle(state), serverName: 'console.test' };
  const follower = await startConsole(rules, undefined, { clock, findLeader: () => Promise.resolve(address) });
  consoles.push(follower);
  expect((await follower.ask('reader', '/api/v1/sets')).body).toMatchObject({ sets: [{ name: 'till' }] });
  expect((await follower.ask('nobody', TILL)).status).toBe(403);
  expect(await follower.act('owner', `${TILL}/actions/pause`, { reason: 'a freeze' })).toMatchObject({
    status: 200,
    body: { by: 'owner' },
  });
  const client = await follower.events('reader');
  clients.push(client);
  await eventually('the first picture', () => (types(client).includes('set') ? true : undefined));
  const headers = { 'edict-forwarded': '1' };
  expect((await follower.ask('reader', '/api/v1/sets', { headers })).status).toBe(503);
  const strangers = { ...address, serverName: 'other.test' };
  const misled = await startConsole(rules, undefined, { clock, findLeader: () => Promise.resolve(strangers) });
  consoles.push(misled);
  expect((await misled.ask('reader', '/api/v1/sets')).body).toMatchObject({ type: 'urn:edict:problem:unavailable' });
});

test('the stream tells where things stand, then what changes, and goes on where it was cut', async () => {
  await start();
  const client = await listen('reader');
  await eventually('the first picture', () => (types(client).includes('set') ? true : undefined));
  expect(client.seen[0]).toMatchObject({ type: 'hello', isResumed: false, replica: 'operator-0' });
  const first = client.lastId();
  client.close();
  await edit('bob');
  await until('revision 2 is completed', ({ summary }) => summary.committed === 2 && summary.phase === 'Completed');
  const again = await listen('reader', '', first);
  await eventually('what was missed', () => (types(again).includes('set') ? true : undefined));
  expect(again.seen[0]).toMatchObject({ type: 'hello', isResumed: true });
  expect(again.seen.at(-1)).toMatchObject({ type: 'set', set: { committed: 2 } });
  await store.delete('PolicySet', { namespace: NAMESPACE, name: 'till' });
  await eventually('it is told that the set is gone', async () => {
    await clock.advance(500);
    return types(again).includes('removed') ? true : undefined;
  });
  const foreign = await listen('reader', '', 'another-12');
  await eventually('it begins anew', () => (types(foreign).length > 0 ? true : undefined));
  expect(foreign.seen[0]).toMatchObject({ isResumed: false });
});

test('who listens sees what the user may see, at any time', async () => {
  await start();
  const client = await listen('neighbour');
  await eventually('the greeting', () => (types(client).length > 0 ? true : undefined));
  rules['neighbour'] = [`list policysets ${NAMESPACE}`];
  await clock.advance(RIGHTS_MS);
  await eventually('the set comes into sight', () => (types(client).includes('set') ? true : undefined));
  rules['neighbour'] = [];
  await clock.advance(RIGHTS_MS);
  await eventually('the set goes out of sight', () => (types(client).includes('removed') ? true : undefined));
  delete rules['neighbour'];
  await clock.advance(RIGHTS_MS);
  await eventually('the stream ends', () => (client.isEnded() ? true : undefined));
  expect(client.seen.at(-1)).toMatchObject({ type: 'end', reason: 'unauthenticated' });
});

test('streams of one user have a bound, and a stream of one namespace needs the right to it', async () => {
  await start();
  const held: EventClient[] = [];
  for (let count = 0; count < LISTENERS_PER_USER_MAX; count += 1) held.push(await listen('reader'));
  expect((await listen('reader')).status).toBe(429);
  expect((await listen('owner')).status).toBe(200);
  held[0]?.close();
  await eventually('there is room again', async () => ((await listen('reader')).status === 200 ? true : undefined));
  expect((await listen('neighbour', `?namespace=${NAMESPACE}`)).status).toBe(403);
});

test('silence is broken by comments, and a close ends streams with a word', async () => {
  await start();
  const socket = connect(fixture.server.port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  socket.write('GET /api/v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer reader\r\n\r\n');
  await eventually('the first picture', () => (text.includes('event: set') ? true : undefined));
  await clock.advance(HEARTBEAT_MS);
  await eventually('a comment', () => (text.includes('\n: \n') ? true : undefined));
  const closing = fixture.server.close();
  consoles.length = 0;
  await eventually('the last word', () => (text.includes('"reason":"closing"') ? true : undefined));
  await clock.advance(1_000);
  await closing;
  socket.destroy();
});
