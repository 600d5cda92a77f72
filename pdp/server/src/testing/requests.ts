import type { RouteRequest } from '../http/route.ts';

/** A request as the listener hands it on; a body that is no Buffer is sent as JSON. */
export function aRequest({
  body,
  ...over
}: Partial<Omit<RouteRequest, 'body'>> & { readonly body?: unknown } = {}): RouteRequest {
  return {
    method: 'POST',
    path: '/',
    query: '',
    headers: { 'content-type': 'application/json' },
    instance: undefined,
    caller: undefined,
    onGone: () => undefined,
    onClosed: () => undefined,
    ...over,
    body: Buffer.isBuffer(body) ? body : Buffer.from(body === undefined ? '' : JSON.stringify(body)),
  };
}
