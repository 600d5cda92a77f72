import { expect, test } from '@jest/globals';
import type { ConsoleEvent, SetSummary, WhoAmI } from '../../../src/console/wire.ts';
import { ManualTimers } from '../testing/manual-timers.ts';
import { ConsoleClient } from './console-client.ts';

const NOW = '2026-01-01T00:00:00Z';
const WHO: WhoAmI = { user: 'alice', groups: [], by: 'Token', replica: 'a', version: '1', now: NOW };

const aSet = (name: string, headline = 'all is well'): SetSummary => ({
  namespace: 'shop',
  name,
  uid: name,
  mode: 'Standard',
  desired: 1,
  committed: 1,
  pdps: { required: 1, connected: 1, prepared: 1, active: 1, nacked: 0, laggards: 0, missing: 0 },
  ready: { status: 'True', reason: 'Ready', message: '' },
  health: 'Good',
  headline,
  isPaused: false,
});

type Answer = { readonly status: number; readonly body: unknown };

/** A client whose operator is the test. */
function start(options: { readonly stored?: string; readonly answers?: Record<string, Answer | Error> } = {}) {
  const timers = new ManualTimers();
  const stored = new Map(options.stored === undefined ? [] : [['edict-token', options.stored]]);
  const asked: { path: string; token: string | null }[] = [];
  const answers: Record<string, Answer | Error> = {
    whoami: { status: 200, body: WHO },
    sets: { status: 200, body: { now: NOW, sets: [aSet('till')], isPartial: false } },
    ...options.answers,
  };
  let out: ReadableStreamDefaultController<Uint8Array> | undefined;
  const client = new ConsoleClient({
    now: timers.now,
    setTimer: timers.setTimer,
    random: () => 1,
    storage: {
      getItem: (key) => stored.get(key) ?? null,
      setItem: (key, value) => void stored.set(key, value),
      removeItem: (key) => void stored.delete(key),
    },
    fetch: (input, init) => {
      const path = (input as string).replace('api/v1/', '');
      asked.push({ path, token: new Headers(init?.headers).get('authorization') });
      if (path === 'events' && answers['events'] === undefined)
        return Promise.resolve(new Response(new ReadableStream({ start: (controller) => void (out = controller) })));
      const answer = answers[path];
      if (answer === undefined || 'message' in answer) return Promise.reject(answer ?? new Error('nobody is there'));
      return Promise.resolve(new Response(JSON.stringify(answer.body), { status: answer.status }));
    },
  });
  const say = async (event: ConsoleEvent): Promise<void> => {
    out?.enqueue(new TextEncoder().encode(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`));
    await timers.advance(0);
  };
  const hello = (isResumed = false): Promise<void> => say({ type: 'hello', now: NOW, replica: 'a', isResumed });
  return { timers, client, stored, asked, answers, say, hello };
}

const problem = (status: number, code: string, detail: string): Answer => ({
  status,
  body: { type: `urn:edict:problem:${code}`, title: code, status, detail },
});

test('a token of this tab is used; without one a proxy may vouch', async () => {
  const withToken = start({ stored: 't0' });
  await withToken.client.start();
  expect(withToken.asked[0]).toStrictEqual({ path: 'whoami', token: 'Bearer t0' });
  const without = start();
  await without.client.start();
  expect(without.asked[0]).toStrictEqual({ path: 'whoami', token: null });
  expect(without.client.state.session).toStrictEqual({ status: 'in', who: WHO });
});

test('the list is asked for once the stream has begun, and follows its events', async () => {
  const { client, timers, hello, say } = start();
  await client.start();
  await timers.advance(0);
  expect(client.state.sets).toBeUndefined();
  await hello();
  expect([...(client.state.sets?.keys() ?? [])]).toStrictEqual(['shop/till']);
  await say({ type: 'set', now: NOW, set: aSet('till', 'wave 1 of 2') });
  await say({ type: 'set', now: NOW, set: aSet('new') });
  expect(client.state.sets?.get('shop/till')?.headline).toBe('wave 1 of 2');
  expect(client.state.changes.get('shop/till')).toBe(2);
  await say({ type: 'removed', now: NOW, namespace: 'shop', name: 'till' });
  expect([...(client.state.sets?.keys() ?? [])]).toStrictEqual(['shop/new']);
});

test('after a break that could not be bridged everything is asked for again', async () => {
  const { client, timers, hello, asked, answers } = start();
  await client.start();
  await timers.advance(0);
  await hello();
  answers['sets'] = { status: 200, body: { now: NOW, sets: [aSet('other')], isPartial: true } };
  await hello(true);
  expect([...(client.state.sets?.keys() ?? [])]).toStrictEqual(['shop/till']);
  await hello(false);
  expect([...(client.state.sets?.keys() ?? [])]).toStrictEqual(['shop/other']);
  // What is gone has changed, too: whoever shows it finds out.
  expect(client.state.changes.get('shop/till')).toBe(2);
  expect(client.state.isPartial).toBe(true);
  expect(asked.filter(({ path }) => path === 'sets')).toHaveLength(2);
});

test('a token that is refused is not kept, and what is wrong is said', async () => {
  const { client, stored } = start({ answers: { whoami: problem(401, 'unauthenticated', 'no') } });
  await client.start();
  expect(client.state.session).toStrictEqual({ status: 'out' });
  await expect(client.signIn('wrong')).resolves.toMatch(/refused/);
  expect([...stored]).toStrictEqual([]);
});

test('a token that is accepted is kept for the tab', async () => {
  const { client, stored } = start();
  await expect(client.signIn('right')).resolves.toBeUndefined();
  expect([...stored]).toStrictEqual([['edict-token', 'right']]);
  client.signOut();
  expect([...stored, client.state.session.status]).toStrictEqual(['out']);
});

test('a token that expires ends the session and takes along what was seen', async () => {
  const { client, timers, hello, say, stored } = start({ stored: 't' });
  await client.start();
  await timers.advance(0);
  await hello();
  await say({ type: 'end', now: NOW, reason: 'unauthenticated', retryMs: 0 });
  expect(client.state.session).toMatchObject({ status: 'out', notice: expect.stringContaining('expired') });
  expect([client.state.sets, stored.size, timers.pending.length]).toStrictEqual([undefined, 0, 0]);
});

test('an operator that is away does not cost the token', async () => {
  const { client, stored, answers } = start({ stored: 't', answers: { whoami: new Error('connection refused') } });
  await client.start();
  expect(client.state.session).toMatchObject({ status: 'away', problem: { status: 0, code: 'unreachable' } });
  expect(stored.get('edict-token')).toBe('t');
  answers['whoami'] = { status: 200, body: WHO };
  await client.start();
  expect(client.state.session.status).toBe('in');
});

test('without a stream the reason of the list is shown, and it is tried again if that may help', async () => {
  const { client, timers, answers } = start({
    answers: { events: problem(503, 'not-leading', 'x leads'), sets: problem(503, 'not-leading', 'x leads') },
  });
  await client.start();
  await timers.advance(0);
  expect(client.state.listProblem).toMatchObject({ status: 503, code: 'not-leading', message: 'x leads' });
  answers['sets'] = { status: 200, body: { now: NOW, sets: [], isPartial: false } };
  await timers.advance(5000);
  expect(client.state).toMatchObject({ listProblem: undefined, sets: new Map() });
  client.signOut();
});

test('ages are counted by the clock of the operator', async () => {
  const { client, timers } = start();
  await client.start();
  expect(client.operatorNow()).toBe(Date.parse(NOW));
  await timers.advance(3000);
  expect(client.operatorNow()).toBe(Date.parse(NOW) + 3000);
});
