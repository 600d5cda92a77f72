import type { ServerResponse } from 'node:http';
import type { Clock } from '../../clock.ts';
import { keyOf } from '../../store/object-key.ts';
import type { Access, ConsoleUser, Credentials } from '../access/access.ts';
import { ProblemError } from '../http/problem.ts';
import { visibilityOf, type Visibility } from '../http/visibility.ts';
import type { ConsoleSource } from '../source.ts';
import { LISTENERS_MAX, LISTENERS_PER_USER_MAX, type EventHub, type Listener } from './event-hub.ts';

/** Time between two looks at whether the user is still let in, and sees what he sees. */
export const RIGHTS_MS = 30_000;
/** What may wait for a client that reads slowly, bytes. Beyond, its stream is cut: it comes back and resumes. */
export const BACKLOG_MAX_BYTES = 1_048_576;

/** One request for the stream. */
export interface StreamRequest {
  readonly credentials: Credentials;
  readonly user: ConsoleUser;
  readonly namespace: string | undefined;
  readonly set: string | undefined;
  readonly lastEventId: string | undefined;
}

export interface StreamDeps {
  readonly hub: EventHub;
  readonly access: Access;
  readonly source: () => ConsoleSource | undefined;
  readonly clock: Clock;
}

/**
 * Opens the stream of events on `response` and keeps it until the client goes, or may no more. Rights are asked before a byte
 * is sent. @throws ProblemError
 */
export async function openEventStream(
  response: ServerResponse,
  request: StreamRequest,
  deps: StreamDeps,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { hub, clock } = deps;
  const { user, namespace, set } = request;
  const visibility = await visible(request, deps, user);
  if (namespace !== undefined && visibility.isPartial) {
    throw new ProblemError('forbidden', `${user.name} may not list policysets in namespace ${namespace}`);
  }
  if (hub.size >= LISTENERS_MAX) throw new ProblemError('too-many-requests', `more than ${LISTENERS_MAX} streams`);
  if (hub.countOf(user.name) >= LISTENERS_PER_USER_MAX) {
    throw new ProblemError('too-many-requests', `more than ${LISTENERS_PER_USER_MAX} streams of one user`);
  }
  if (response.destroyed) return;
  response.writeHead(200, {
    ...headers,
    'content-type': 'text/event-stream; charset=utf-8',
    // Proxies that collect answers would hold events back.
    'x-accel-buffering': 'no',
  });
  const listener: Listener = {
    user: user.name,
    set,
    visibility,
    write: (text) => {
      if (response.destroyed) return;
      response.write(text);
      if (response.writableLength > BACKLOG_MAX_BYTES) response.destroy();
    },
    end: () => response.end(),
  };
  const remove = hub.add(listener, request.lastEventId);
  let cancel: (() => void) | undefined;
  const recheck = (): void => {
    cancel = clock.schedule(RIGHTS_MS, () => {
      check(listener, request, deps).then(
        (goesOn) => {
          if (goesOn && !response.destroyed) recheck();
        },
        // Nobody can say now: what was said last holds until somebody can.
        () => {
          if (!response.destroyed) recheck();
        },
      );
    });
  };
  recheck();
  response.once('close', () => {
    cancel?.();
    remove();
  });
}

async function visible(
  { namespace }: StreamRequest,
  { access, source }: StreamDeps,
  user: ConsoleUser,
): Promise<Visibility> {
  const inhabited = (source()?.world.sets.list() ?? []).map((found) => keyOf(found).namespace);
  return await visibilityOf(access, user, inhabited, namespace);
}

/** True if the stream goes on. Rejects where nobody can say. */
async function check(listener: Listener, request: StreamRequest, deps: StreamDeps): Promise<boolean> {
  const { hub, access } = deps;
  try {
    const user = await access.authenticate(request.credentials);
    const visibility = await visible(request, deps, user);
    if (request.namespace !== undefined && visibility.isPartial) {
      hub.end(listener, 'forbidden');
      return false;
    }
    hub.see(listener, visibility);
    return true;
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'unauthenticated') throw error;
    hub.end(listener, 'unauthenticated');
    return false;
  }
}
