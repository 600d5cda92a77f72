import { isSpanContextValid, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api';

const TRACEPARENT =
  /^(?<version>[\da-f]{2})-(?<traceId>[\da-f]{32})-(?<spanId>[\da-f]{16})-(?<flags>[\da-f]{2})(?<more>-.*)?$/;

/**
 * The context that a W3C `traceparent` describes, and the root context for none or one that is malformed, as the
 * specification wants (https://www.w3.org/TR/trace-context/#traceparent-header): such a request begins a trace of its own.
 */
export function parentContext(traceparent: string | undefined): Context {
  const parts = traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent.trim())?.groups;
  if (parts === undefined) return ROOT_CONTEXT;
  const { version = '', traceId = '', spanId = '', flags = '', more } = parts;
  // Later versions may have more parts, the first one may not; ff is none.
  if (version === 'ff' || (version === '00' && more !== undefined)) return ROOT_CONTEXT;
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
  return isSpanContextValid(parent) ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
}
