import { messageReply, type Reply } from './reply.ts';
import type { Handle, Route, RouteRequest } from './route.ts';

/** What answers one path, by method. */
interface Place {
  readonly handlers: ReadonlyMap<string, Handle>;
  /** The `allow` header. */
  readonly allow: string;
}

/**
 * Maps requests to routes: the row of the whole path, else that of the longest prefix. Every path that is nobody's is a 404
 * with a JSON body, every method that a path does not have a 405.
 * @throws Error if two routes have the same method and path
 */
export function createRouter(routes: readonly Route[]): Handle {
  const whole = placesOf(routes.filter(({ prefix }) => prefix !== true));
  const prefixes = [...placesOf(routes.filter(({ prefix }) => prefix === true))].sort(
    ([a], [b]) => b.length - a.length,
  );
  return (request) => {
    const place = whole.get(request.path) ?? prefixes.find(([prefix]) => request.path.startsWith(prefix))?.[1];
    return place === undefined ? messageReply(404, 'Not Found') : answer(place, request);
  };
}

function answer({ handlers, allow }: Place, request: RouteRequest): Reply | Promise<Reply> {
  const handle = handlers.get(request.method) ?? handlers.get('*');
  return handle === undefined ? messageReply(405, 'Method Not Allowed', { allow }) : handle(request);
}

function placesOf(routes: readonly Route[]): ReadonlyMap<string, Place> {
  const places = new Map<string, Map<string, Handle>>();
  for (const { method, path, handle } of routes) {
    const handlers = places.get(path) ?? new Map<string, Handle>();
    if (handlers.has(method)) throw new Error(`two routes answer ${method} ${path}`);
    handlers.set(method, handle);
    if (method === 'GET' && !handlers.has('HEAD')) handlers.set('HEAD', handle);
    places.set(path, handlers);
  }
  return new Map(
    [...places].map(([path, handlers]) => [path, { handlers, allow: [...handlers.keys()].sort().join(', ') }]),
  );
}
