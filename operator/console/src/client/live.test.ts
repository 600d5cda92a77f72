import { expect, test } from '@jest/globals';
import type { ConsoleEvent } from '../../../src/console/wire.ts';
import { ManualTimers } from '../testing/manual-timers.ts';
import { Live, RETRY_FIRST_MS, RETRY_MAX_MS, SILENCE_MAX_MS, type Connection } from './live.ts';
import { ApiProblem } from './problem.ts';

const NOW = '2026-01-01T00:00:00Z';
const hello = (id: string, isResumed = false): string =>
  frame(id, { type: 'hello', now: NOW, replica: 'a', isResumed });
const frame = (id: string, event: ConsoleEvent): string =>
  `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/** A stream whose server is the test. */
function start() {
  const timers = new ManualTimers();
  const opened: Readonly<Record<string, string>>[] = [];
  const connections: Connection[] = [];
  const events: ConsoleEvent[] = [];
  let refusal: ApiProblem | undefined;
  let out: ReadableStreamDefaultController<Uint8Array> | undefined;
  let unauthenticated = 0;
  let heard = 0;
  const live = new Live({
    now: timers.now,
    setTimer: timers.setTimer,
    random: () => 1,
    api: {
      open: (_path, headers, signal) => {
        opened.push(headers);
        if (refusal !== undefined) return Promise.reject(refusal);
        const body = new ReadableStream<Uint8Array>({
          start: (controller) => {
            out = controller;
            signal.addEventListener('abort', () => controller.error(signal.reason));
          },
        });
        return Promise.resolve(new Response(body));
      },
    },
    onEvent: (event) => events.push(event),
    onHeard: () => (heard += 1),
    onConnection: (connection) => connections.push(connection),
    onUnauthenticated: () => (unauthenticated += 1),
  });
  return {
    timers,
    live,
    opened,
    connections,
    events,
    heard: () => heard,
    unauthenticated: () => unauthenticated,
    refuse: (problem: ApiProblem | undefined) => (refusal = problem),
    say: async (text: string) => {
      out?.enqueue(new TextEncoder().encode(text));
      await timers.advance(0);
    },
    end: async () => {
      out?.close();
      await timers.advance(0);
    },
  };
}

test('it is live once the server has said hello', async () => {
  const { live, timers, say, connections, events, heard } = start();
  live.start();
  await timers.advance(0);
  expect(connections).toStrictEqual([{ status: 'connecting' }]);
  await say(hello('1'));
  expect(connections.at(-1)).toStrictEqual({ status: 'live' });
  expect(events.map(({ type }) => type)).toStrictEqual(['hello']);
  await say(': \n\n');
  expect([events.length, heard()]).toStrictEqual([1, 2]);
  live.stop();
});

test('a stream that ends is opened again after the last event that came', async () => {
  const { live, timers, say, end, opened, connections } = start();
  live.start();
  await timers.advance(0);
  await say(hello('1'));
  await say(frame('9', { type: 'removed', now: NOW, namespace: 'a', name: 'b' }));
  await end();
  const lostAt = timers.now();
  expect(connections.at(-1)).toStrictEqual({
    status: 'lost',
    since: lostAt,
    retryAt: lostAt + RETRY_FIRST_MS,
    why: 'the stream ended',
  });
  await timers.advance(RETRY_FIRST_MS);
  expect(opened).toStrictEqual([{}, { 'last-event-id': '9' }]);
  await say(hello('10', true));
  expect(connections.at(-1)).toStrictEqual({ status: 'live' });
  live.stop();
});

test('pauses between tries grow, and are bounded; the first loss is remembered', async () => {
  const { live, timers, refuse, connections } = start();
  refuse(new ApiProblem(503, 'not-leading', 'this replica does not lead'));
  live.start();
  await timers.advance(0);
  const first = timers.now();
  const pauses: number[] = [];
  for (let tries = 0; tries < 8; tries += 1) {
    const [pause = 0] = timers.pending;
    pauses.push(pause);
    await timers.advance(pause);
  }
  expect(pauses).toStrictEqual([500, 1000, 2000, 4000, 8000, RETRY_MAX_MS, RETRY_MAX_MS, RETRY_MAX_MS]);
  expect(connections.at(-1)).toMatchObject({ status: 'lost', since: first, why: 'this replica does not lead' });
  live.stop();
  expect(timers.pending).toStrictEqual([]);
});

test('the server says how long to stay away', async () => {
  const { live, timers, say, end } = start();
  live.start();
  await timers.advance(0);
  await say(hello('1'));
  await say(frame('2', { type: 'end', now: NOW, reason: 'closing', retryMs: 7000 }));
  await end();
  expect(timers.pending).toStrictEqual([7000]);
  live.stop();
});

test('silence is a loss', async () => {
  const { live, timers, say, connections } = start();
  live.start();
  await timers.advance(0);
  await say(hello('1'));
  await timers.advance(SILENCE_MAX_MS - 1);
  expect(connections.at(-1)).toStrictEqual({ status: 'live' });
  await timers.advance(1);
  expect(connections.at(-1)).toMatchObject({ status: 'lost' });
  live.stop();
});

test.each([
  ['before it begins', 'refused'],
  ['in the middle', 'ended'],
])('a user who is not known any more is not tried again: %s', async (_, how) => {
  const { live, timers, refuse, say, unauthenticated } = start();
  if (how === 'refused') refuse(new ApiProblem(401, 'unauthenticated', 'who are you'));
  live.start();
  await timers.advance(0);
  if (how === 'ended') {
    await say(hello('1'));
    await say(frame('2', { type: 'end', now: NOW, reason: 'unauthenticated', retryMs: 0 }));
  }
  expect([unauthenticated(), timers.pending]).toStrictEqual([1, []]);
});

test('the user need not wait for the next try', async () => {
  const { live, timers, refuse, opened } = start();
  refuse(new ApiProblem(0, 'unreachable', 'the operator cannot be reached'));
  live.start();
  await timers.advance(0);
  live.retryNow();
  await timers.advance(0);
  expect(opened).toHaveLength(2);
  live.stop();
  live.retryNow();
  await timers.advance(60_000);
  expect(opened).toHaveLength(2);
});
