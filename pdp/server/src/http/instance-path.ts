import { messageReply, type Reply } from './reply.ts';
import type { Handle, RouteRequest } from './route.ts';

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

function named(apis: Handle, request: RouteRequest): Reply | Promise<Reply> {
  const rest = request.path.slice(INSTANCE_PATH.length);
  const end = rest.indexOf('/');
  const instance = end <= 0 ? undefined : decoded(rest.slice(0, end));
  if (instance === undefined)
    return messageReply(400, 'the path names no instance: /instances/<name>/<path of an API>');
  if (request.instance !== undefined && request.instance !== instance) {
    return messageReply(400, 'the path and the Policy-Set header name different instances');
  }
  return apis({ ...request, instance, path: rest.slice(end) });
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
