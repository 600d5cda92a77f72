import { messageReply, type Reply } from './reply.ts';
import { headerOf, type Handle, type RouteRequest } from './route.ts';

/** What paths begin with that choose a virtual instance: `/instances/<key or name>/<path of an API>`. */
export const INSTANCE_PATH = '/instances/';

/**
 * Takes the instance out of paths that name one, and hands the rest to `apis`, every other request to `others`. The name is
 * percent-encoded, so that a set's key can be one: `/instances/team%2Fshop/decision`. What is about the process as a whole is
 * not below such a path, so that a tenant can be given all that is. A header that names another instance is a contradiction,
 * and nobody's to settle: a proxy may have chosen the path, and the client the header.
 */
export function byInstancePath(apis: Handle, others: Handle): Handle {
  return (request) => (request.path.startsWith(INSTANCE_PATH) ? named(apis, request) : others(request));
}

/** The instance that a request names in its path or else in its header, as far as that can be told from its head. */
export function instanceOfHead({ path, headers }: Pick<RouteRequest, 'path' | 'headers'>): string | undefined {
  const named = path.startsWith(INSTANCE_PATH) ? instanceOfPath(path) : undefined;
  return named ?? instanceOfHeader(headers);
}

/** The instance that the `Policy-Set` header names, read as UTF-8: names need not be ASCII. An empty one names nothing. */
export function instanceOfHeader(headers: RouteRequest['headers']): string | undefined {
  const said = headerOf(headers, 'policy-set');
  if (said === undefined || said === '') return undefined;
  return /[^\0-\x7f]/.test(said) ? Buffer.from(said, 'latin1').toString('utf8') : said;
}

/** The instance that a path below {@link INSTANCE_PATH} names. */
export function instanceOfPath(path: string): string | undefined {
  return splitPath(path).instance;
}

function named(apis: Handle, request: RouteRequest): Reply | Promise<Reply> {
  const { instance, path } = splitPath(request.path);
  if (instance === undefined)
    return messageReply(400, 'the path names no instance: /instances/<name>/<path of an API>');
  if (request.instance !== undefined && request.instance !== instance) {
    return messageReply(400, 'the path and the Policy-Set header name different instances');
  }
  return apis({ ...request, instance, path });
}

function splitPath(path: string): { readonly instance: string | undefined; readonly path: string } {
  const rest = path.slice(INSTANCE_PATH.length);
  const end = rest.indexOf('/');
  return { instance: end <= 0 ? undefined : decoded(rest.slice(0, end)), path: rest.slice(end) };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
