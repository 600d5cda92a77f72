import { jsonReply, problemReply, type ProblemName, type Reply } from './reply.ts';
import type { Route } from './route.ts';

/** Whether requests should be sent here; else which problem keeps them away. */
export type Readiness =
  | {
      readonly ready: true;
      /** Sets that are assigned here and have no active revision. */
      readonly loading: readonly string[];
    }
  | {
      readonly ready: false;
      readonly problem: ProblemName;
      readonly detail: string;
      readonly loading?: readonly string[];
    };

/** What the routes of the service itself tell. */
export interface ServiceRoutesDeps {
  readonly readiness: () => Readiness;
  /** The document of `/v1/status`, or a promise of it. */
  readonly status: () => unknown;
  /** Prometheus text and its content type. */
  readonly metrics: () => Promise<{ readonly text: string; readonly contentType: string }>;
  /** The OpenAPI document, YAML. */
  readonly openApi: string;
}

/** Sets that `/readyz` names; `/v1/status` has them all. */
export const MAX_LISTED_SETS = 100;

/** Health, status, metrics and the API's description. */
export function serviceRoutes({ readiness, status, metrics, openApi }: ServiceRoutesDeps): readonly Route[] {
  const get = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, handle });
  return [
    get('/healthz', () => jsonReply(200, { status: 'ok' })),
    get('/readyz', () => {
      const answer = readiness();
      const loading = answer.loading?.slice(0, MAX_LISTED_SETS) ?? [];
      const members = loading.length === 0 ? {} : { loading };
      if (answer.ready) return jsonReply(200, { status: 'ready', ...members });
      return problemReply(answer.problem, answer.detail, members);
    }),
    get('/v1/status', () => {
      const document = status();
      return document instanceof Promise ? document.then(statusReply) : statusReply(document);
    }),
    get('/metrics', async () => {
      const { text, contentType } = await metrics();
      return { status: 200, headers: { 'content-type': contentType }, body: text };
    }),
    get('/openapi.yaml', () => ({ status: 200, headers: { 'content-type': 'application/x-yaml' }, body: openApi })),
  ];
}

function statusReply(document: unknown): Reply {
  return jsonReply(200, document, { 'cache-control': 'no-store' });
}
