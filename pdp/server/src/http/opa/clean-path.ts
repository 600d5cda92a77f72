import { messageReply } from '../reply.ts';
import type { Handle } from '../route.ts';

/** Where a path belongs to OPA's API, its documents included. */
const OWN = /^(?:\/instances\/[^/]+)?\/(?:v0|v1|health)(?:\/|$)/;
/** Slashes in a row, and segments that name this or the upper level. */
const UNCLEAN = /\/(?:\/|\.{1,2}(?:\/|$))/;
/** Slashes in a row within the path of a document mean nothing. */
const DOCUMENT = /^(?:\/instances\/[^/]+)?\/v[01]\/data(?:\/|$)/;

/**
 * Where a request to OPA's API belongs whose path is not clean: OPA sends such clients there (307). Undefined where there is
 * nothing to be sent away for. A redirect, not another reading of the path: whoever guards paths in front of the PDP has to
 * see what is asked for.
 */
export function cleanPathOf(path: string): string | undefined {
  if (!UNCLEAN.test(path)) return undefined;
  if (DOCUMENT.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path)) return undefined;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  const clean = `/${parts.join('/')}${parts.length > 0 && /\/\.{0,2}$/.test(path) ? '/' : ''}`;
  return OWN.test(clean) ? clean : undefined;
}

/** Sends clients to the clean path that they mean, see {@link cleanPathOf}; the others are handled. */
export function sendingToClean(handle: Handle): Handle {
  return (request) => {
    const clean = cleanPathOf(request.path);
    if (clean === undefined) return handle(request);
    const location = request.query === '' ? clean : `${clean}?${request.query}`;
    return messageReply(307, 'the path is not clean', { location });
  };
}
