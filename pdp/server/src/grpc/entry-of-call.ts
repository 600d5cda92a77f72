import type { ApiName, EntryRequest } from '../core/session.ts';
import { headerOf } from '../http/route.ts';
import type { GrpcCall } from './grpc-method.ts';

/** What the core has to know of a call: metadata is called like the headers of the HTTP API. */
export function entryOfCall(api: ApiName, { metadata, caller, onGone }: GrpcCall, bodyBytes: number): EntryRequest {
  return {
    api,
    instance: headerOf(metadata, 'policy-set'),
    atLeast: headerOf(metadata, 'policy-at-least'),
    exactly: headerOf(metadata, 'policy-exactly'),
    wait: headerOf(metadata, 'policy-wait'),
    caller,
    traceparent: headerOf(metadata, 'traceparent'),
    bodyBytes,
    onGone,
  };
}
