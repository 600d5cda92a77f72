import { ApiProblem, problemOf, unreachable } from './problem.ts';

/** How long an answer may take. */
export const REQUEST_TIMEOUT_MS = 20_000;

/** What talks to the operator. */
export interface ApiOptions {
  readonly fetch: typeof fetch;
  /** The token of the moment; undefined when a proxy vouches for the user. */
  readonly token: () => string | undefined;
}

/** The operator's REST API; `path` is below `api/v1/`, which is relative to the page, so that any proxy's prefix is kept. */
export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** Rejects with `ApiProblem`, or with the signal's reason once it is aborted. */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#json<T>(path, { method: 'GET' }, signal);
  }

  /** Rejects with `ApiProblem`. */
  async post<T>(path: string, body: unknown): Promise<T> {
    return this.#json<T>(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  /** An answer that goes on for long; the caller reads its body. Rejects with `ApiProblem`. */
  async open(path: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    return this.#send(path, { method: 'GET', headers }, signal);
  }

  async #json<T>(path: string, init: RequestInit, signal?: AbortSignal): Promise<T> {
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const response = await this.#send(path, init, signal === undefined ? timeout : AbortSignal.any([signal, timeout]));
    try {
      return (await response.json()) as T;
    } catch (cause) {
      throw new ApiProblem(response.status, 'not-json', 'the server answered with something that is no JSON', cause);
    }
  }

  async #send(path: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
    const token = this.#options.token();
    const headers = {
      ...(init.headers as Record<string, string> | undefined),
      accept: 'application/json, text/event-stream',
    };
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    let response: Response;
    try {
      response = await this.#options.fetch(`api/v1/${path}`, {
        ...init,
        headers: { ...headers, ...authorization },
        cache: 'no-store',
        signal,
      });
    } catch (cause) {
      throw unreachable(cause);
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }
}
