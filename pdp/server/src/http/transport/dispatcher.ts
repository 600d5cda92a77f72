import type { Authenticator, Peer, RefusalReason, Verdict } from '../../authentication/authenticator.ts';
import { instanceOfHeader } from '../instance-path.ts';
import { messageReply, problemReply, type ProblemName, type Reply } from '../reply.ts';
import { withRequestId } from '../request-id.ts';
import type { Handle, RequestHeaders, RouteRequest } from '../route.ts';

/** A whole request as a connection hands it on. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: RequestHeaders;
  readonly body: Buffer;
  readonly peer: Peer;
  /** Address and port of the peer, see {@link clientOf}. */
  readonly client?: string | undefined;
  /** The name by which the client asked for the server when the connection was secured (SNI). */
  readonly serverName?: string | undefined;
  /** Calls `listener` if the client sends no more, and so may have gone before it has its answer. */
  readonly onGone: (listener: () => void) => void;
  /** Calls `listener` if the client can no longer be answered. */
  readonly onClosed: (listener: () => void) => void;
}

export interface DispatcherOptions {
  readonly handle: Handle;
  /** Without one nobody is asked who they are. */
  readonly authenticator?: Authenticator | undefined;
  /** Requests that may wait for their answers at once; further ones are refused. */
  readonly maxRequests: number;
  readonly onRefused: (problem: ProblemName) => void;
  readonly onUnauthenticated?: ((reason: RefusalReason) => void) | undefined;
  /** Told of bugs: a handler that threw. The client gets a 500 without details. */
  readonly onError: (error: unknown) => void;
}

/** Default of {@link DispatcherOptions.maxRequests}. */
export const MAX_REQUESTS = 10_000;

/** Probes come without credentials, and learn nothing but whether the process is well. */
const FREE_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/health']);

/** Between connections of any protocol and the routes: who asks, how many at once, and what happens to bugs. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #underWay = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Requests that wait for their answers now. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Answers a request. Never throws or rejects. A promise only where something is waited for. */
  dispatch(request: ReceivedRequest): Reply | Promise<Reply> {
    const reply = this.#answer(request);
    if (request.headers['x-request-id'] === undefined) return reply;
    return reply instanceof Promise
      ? reply.then((late) => withRequestId(late, request))
      : withRequestId(reply, request);
  }

  #answer(request: ReceivedRequest): Reply | Promise<Reply> {
    const { authenticator, maxRequests, onRefused } = this.#options;
    if (this.#underWay >= maxRequests) {
      onRefused('overloaded');
      return problemReply('overloaded', 'As many requests are under way as may be.');
    }
    const reply =
      authenticator === undefined || FREE_PATHS.has(request.path)
        ? this.#handle(request, undefined)
        : this.#authenticated(authenticator, request);
    if (!(reply instanceof Promise)) return reply;
    this.#underWay++;
    return reply
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#underWay--;
      });
  }

  #authenticated(authenticator: Authenticator, request: ReceivedRequest): Reply | Promise<Reply> {
    const verdict = authenticator.authenticate(request.headers, request.peer);
    return verdict instanceof Promise
      ? verdict.then((late) => this.#judged(late, request))
      : this.#judged(verdict, request);
  }

  #judged(verdict: Verdict, request: ReceivedRequest): Reply | Promise<Reply> {
    if (verdict.kind === 'known') return this.#handle(request, verdict.caller);
    this.#options.onUnauthenticated?.(verdict.reason);
    return verdict.reply;
  }

  #handle(request: ReceivedRequest, caller: string | undefined): Reply | Promise<Reply> {
    try {
      return this.#options.handle(routeRequest(request, caller));
    } catch (error) {
      return this.#failed(error);
    }
  }

  #failed(error: unknown): Reply {
    this.#options.onError(error);
    return messageReply(500, 'internal error');
  }
}

function routeRequest(
  { method, path, query, headers, body, client, onGone, onClosed, serverName }: ReceivedRequest,
  caller: string | undefined,
): RouteRequest {
  const instance = instanceOfHeader(headers);
  return { method, path, query, headers, body, instance, serverName, caller, client, onGone, onClosed };
}
