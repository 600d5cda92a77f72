import type { DecisionRequest } from './decision-handler.ts';
import { jsonReply, messageReply, problemReply, type ProblemName, type Reply } from './reply.ts';

/** A request as the routes see it. */
export interface RouteRequest extends DecisionRequest {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
}

/** Whether requests should be sent here; else which problem keeps them away. */
export type Readiness =
  { readonly ready: true } | { readonly ready: false; readonly problem: ProblemName; readonly detail: string };

export interface RouterDeps {
  readonly decision: (request: DecisionRequest) => Reply;
  readonly readiness: () => Readiness;
  /** The document of `/v1/status`. */
  readonly status: () => unknown;
  /** Prometheus text and its content type. */
  readonly metrics: () => Promise<{ readonly text: string; readonly contentType: string }>;
  /** The OpenAPI document, YAML. */
  readonly openApi: string;
}

const DECISION_METHODS = { allow: 'OPTIONS, POST' } as const;

/** Maps a request to a reply. Every path that is not ours is a 404 with a JSON body. */
export function createRouter(deps: RouterDeps): (request: RouteRequest) => Reply | Promise<Reply> {
  const get: Readonly<Record<string, () => Reply | Promise<Reply>>> = {
    '/healthz': () => jsonReply(200, { status: 'ok' }),
    '/readyz': () => {
      const readiness = deps.readiness();
      return readiness.ready ? jsonReply(200, { status: 'ready' }) : problemReply(readiness.problem, readiness.detail);
    },
    '/v1/status': () => jsonReply(200, deps.status(), { 'cache-control': 'no-store' }),
    '/metrics': async () => {
      const { text, contentType } = await deps.metrics();
      return { status: 200, headers: { 'content-type': contentType }, body: text };
    },
    '/openapi.yaml': () => ({ status: 200, headers: { 'content-type': 'application/x-yaml' }, body: deps.openApi }),
  };
  return (request) => {
    if (request.path === '/decision') {
      if (request.method === 'POST') return deps.decision(request);
      if (request.method === 'OPTIONS') return { status: 204, headers: DECISION_METHODS, body: '' };
      return messageReply(405, 'Method Not Allowed', DECISION_METHODS);
    }
    const route = Object.hasOwn(get, request.path) ? get[request.path] : undefined;
    if (route === undefined) return messageReply(404, 'Not Found');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return messageReply(405, 'Method Not Allowed', { allow: 'GET, HEAD' });
    }
    return route();
  };
}
