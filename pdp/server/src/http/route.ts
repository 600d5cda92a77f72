import type { ApiName, EntryRequest, Refusal } from '../core/session.ts';
import { problemReply, type Reply } from './reply.ts';

/** Request headers by lower-case name. Of a repeated one the values are joined by ", ", as Node does. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A request as the routes see it: read as a whole, not looked at. */
export interface RouteRequest {
  readonly method: string;
  /** Path without query, as it was sent. */
  readonly path: string;
  /** Raw query string without `?`. */
  readonly query: string;
  readonly headers: RequestHeaders;
  readonly body: Buffer;
  /** The set or virtual instance that the request names outside of its body: the `Policy-Set` header, or the path. */
  readonly instance: string | undefined;
  /** The name by which the client asked for the server (SNI): it chooses an instance where nothing else does. */
  readonly serverName?: string | undefined;
  /** Who asks, as authentication found it. */
  readonly caller: string | undefined;
  /** Address and port that it came from, as OPA writes them. Undefined for a unix socket. */
  readonly client?: string | undefined;
  /**
   * Calls `listener` if the client may have gone before it has its answer: over HTTP/1 one that only sends no more looks the
   * same. What then still answers must not take what it has for the whole.
   */
  readonly onGone: (listener: () => void) => void;
  /** Calls `listener` if the client can no longer be answered. */
  readonly onClosed: (listener: () => void) => void;
}

/** What answers a request. A throw or a rejection is a bug: the client gets a 500, the log the error. */
export type Handle = (request: RouteRequest) => Reply | Promise<Reply>;

/** One row of the router's table. */
export interface Route {
  /** An HTTP method, or `*` for every one that has no row of its own. `GET` answers `HEAD` too. */
  readonly method: string;
  /** Where `prefix` is set: the beginning of the path, up to and with a slash. Else the whole path. */
  readonly path: string;
  readonly prefix?: boolean;
  readonly handle: Handle;
}

/** One header's value. */
export function headerOf(headers: RequestHeaders, name: string): string | undefined {
  const value = headers[name];
  return value === undefined || typeof value === 'string' ? value : value.join(', ');
}

/** What the core has to know of an HTTP request, whichever API it is of. */
export function entryOf(api: ApiName, request: RouteRequest): EntryRequest {
  const { headers, instance, serverName, caller, client, body } = request;
  const traceparent = headerOf(headers, 'traceparent');
  const atLeast = headerOf(headers, 'policy-at-least');
  const exactly = headerOf(headers, 'policy-exactly');
  const wait = headerOf(headers, 'policy-wait');
  const { onGone } = request;
  return {
    api,
    instance,
    serverName,
    atLeast,
    exactly,
    wait,
    caller,
    client,
    traceparent,
    bodyBytes: body.length,
    onGone,
  };
}

/** A refusal as its problem document. */
export function refusalReply({ problem, detail, members }: Refusal): Reply {
  return problemReply(problem, detail, members);
}
