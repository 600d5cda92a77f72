import { request as httpRequest, type IncomingMessage } from 'node:http';
import { systemClock } from '../../clock.ts';
import type { Operator } from '../../operator-types.ts';
import type { Store } from '../../store/store.ts';
import { aLog } from '../../testing/fixtures.ts';
import { bearerToken, type Access, type AccessQuestion, type ConsoleUser } from '../access/access.ts';
import { ProblemError } from '../http/problem.ts';
import { startConsoleServer, type ConsoleServer, type ConsoleServerOptions } from '../server.ts';
import { sourceOf } from '../source.ts';
import type { ConsoleEvent } from '../wire.ts';

/** What users may, as `verb resource` or `verb resource namespace`; changed by tests as they run. */
export type Rules = Record<string, readonly string[]>;

/** Access by a table: the token is the user's name. */
export function tableAccess(rules: Rules): Access {
  return {
    authenticate: ({ authorization }) => {
      const name = bearerToken(authorization) ?? '';
      const user: ConsoleUser = { name, groups: ['staff'], extra: {}, by: 'Token' };
      if (rules[name] !== undefined) return Promise.resolve(user);
      return Promise.reject(new ProblemError('unauthenticated', 'nobody knows this token'));
    },
    isAllowed: ({ name }, { verb, resource, namespace }: AccessQuestion) => {
      const granted = rules[name] ?? [];
      const everywhere = granted.includes(`${verb} ${resource}`);
      return Promise.resolve(everywhere || granted.includes(`${verb} ${resource} ${namespace ?? '-'}`));
    },
  };
}

export interface ConsoleFixture {
  readonly server: ConsoleServer;
  readonly lines: readonly string[];
  /** Asks as `user`; the body is what JSON says. */
  readonly ask: (
    user: string,
    path: string,
    init?: RequestInit,
  ) => Promise<{ status: number; body: unknown; headers: Headers }>;
  readonly act: (user: string, path: string, body: object) => Promise<{ status: number; body: unknown }>;
  /** Opens the stream of events. */
  readonly events: (user: string, query?: string, lastEventId?: string) => Promise<EventClient>;
}

/** A console over a running operator, or over none: then this replica does not lead. */
export async function startConsole(
  rules: Rules,
  running: { readonly operator: Operator; readonly store: Store } | undefined,
  over: Partial<ConsoleServerOptions> = {},
): Promise<ConsoleFixture> {
  const log = aLog();
  const events = { emit: () => undefined };
  const source = running && sourceOf(running.operator, { store: running.store, events });
  const server = await startConsoleServer({
    host: '127.0.0.1',
    port: 0,
    access: tableAccess(rules),
    source: () => source,
    leader: () => (running === undefined ? 'operator-7' : 'operator-0'),
    replica: 'operator-0',
    version: '0.1.0',
    clock: systemClock,
    log,
    ...over,
  });
  const base = `http://127.0.0.1:${server.port}`;
  const ask: ConsoleFixture['ask'] = async (user, path, init = {}) => {
    const headers = { authorization: `Bearer ${user}`, ...(init.headers as Record<string, string> | undefined) };
    const response = await fetch(`${base}${path}`, { ...init, headers });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : parsed(text), headers: response.headers };
  };
  return {
    server,
    lines: log.lines,
    ask,
    act: async (user, path, body) =>
      await ask(user, path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    events: async (user, query = '', lastEventId) => await openEvents(server.port, user, query, lastEventId),
  };
}

function parsed(text: string): unknown {
  return text.startsWith('{') ? (JSON.parse(text) as unknown) : text;
}

/** A client of the event stream. */
export interface EventClient {
  readonly status: number;
  readonly seen: readonly ConsoleEvent[];
  readonly lastId: () => string;
  readonly isEnded: () => boolean;
  readonly close: () => void;
}

async function openEvents(port: number, user: string, query: string, lastEventId = ''): Promise<EventClient> {
  const headers = { authorization: `Bearer ${user}`, 'last-event-id': lastEventId };
  const request = httpRequest({ host: '127.0.0.1', port, path: `/api/v1/events${query}`, headers });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.end();
  });
  const seen: ConsoleEvent[] = [];
  let [rest, lastId, isEnded] = ['', '', false];
  response.setEncoding('utf8');
  response.on('data', (text: string) => {
    rest += text;
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const line of blocks.flatMap((block) => block.split('\n'))) {
      if (line.startsWith('id: ')) lastId = line.slice(4);
      if (line.startsWith('data: ')) seen.push(JSON.parse(line.slice(6)) as ConsoleEvent);
    }
  });
  response.once('close', () => {
    isEnded = true;
  });
  // Ended by the test, or by the server: what was seen tells.
  response.on('error', () => undefined);
  return {
    status: response.statusCode ?? 0,
    seen,
    lastId: () => lastId,
    isEnded: () => isEnded,
    close: () => {
      response.destroy();
    },
  };
}
