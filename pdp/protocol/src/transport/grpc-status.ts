import type { IncomingHttpHeaders } from 'node:http2';
import { LEADER_AFTER_TRAILER, LEADER_TRAILER, RETRY_AFTER_TRAILER } from './grpc-service.ts';
import type { CloseCode, StreamClose } from './stream.ts';

const RETRY_AFTER_MAX_MS = 86_400_000;
/** `host:port`, the host a name or an address, that of IPv6 in brackets. */
const ADDRESS = /^(?:\[[0-9a-f:.]{2,64}\]|[a-z0-9.-]{1,253}):[0-9]{1,5}$/i;

/** Codes of gRPC that mean something else than to dial again soon. */
const CLOSE_CODES = new Map<string, CloseCode>([
  ['0', 'Closed'],
  ['3', 'Protocol'], // INVALID_ARGUMENT
  ['7', 'Unauthenticated'], // PERMISSION_DENIED
  ['8', 'Protocol'], // RESOURCE_EXHAUSTED
  ['16', 'Unauthenticated'],
]);

/** The code of gRPC that tells a PDP of an end. */
export const STATUS_OF_CLOSE: Readonly<Record<CloseCode, number>> = {
  Closed: 0,
  Unavailable: 14,
  Unauthenticated: 16,
  Protocol: 3,
};

/** The trailers, or the only headers, that tell of an end. */
export function statusHeaders(status: number, reason: string): Readonly<Record<string, string>> {
  return { 'grpc-status': String(status), 'grpc-message': encodeURIComponent(reason) };
}

/** Of servers between us and the operator, which know nothing of gRPC. */
const HTTP_CLOSE_CODES = new Map<number, CloseCode>([
  [401, 'Unauthenticated'],
  [403, 'Unauthenticated'],
]);

/** Whether these headers end the stream: a response that is nothing but its trailers. */
export function hasStatus(headers: IncomingHttpHeaders): boolean {
  return headers['grpc-status'] !== undefined;
}

/** The end that trailers, or the headers of a response that is no stream, tell of. */
export function closeOfHeaders(headers: IncomingHttpHeaders): StreamClose {
  const httpStatus = Number(headers[':status'] ?? 200);
  const status = headers['grpc-status'];
  if (typeof status !== 'string') {
    return httpStatus === 200
      ? { code: 'Unavailable', reason: 'the operator ended the stream without a status' }
      : { code: HTTP_CLOSE_CODES.get(httpStatus) ?? 'Unavailable', reason: `the answer is HTTP ${httpStatus}` };
  }
  const text = headers['grpc-message'];
  const afterMs = millisecondsOf(headers[RETRY_AFTER_TRAILER]);
  const leader = headers[LEADER_TRAILER];
  return {
    code: CLOSE_CODES.get(status) ?? 'Unavailable',
    reason: typeof text === 'string' && text !== '' ? unescaped(text) : `gRPC status ${status}`,
    ...(afterMs === undefined ? {} : { retryAfterMs: afterMs }),
    ...(typeof leader === 'string' && ADDRESS.test(leader)
      ? { leader: { address: leader, afterMs: millisecondsOf(headers[LEADER_AFTER_TRAILER]) ?? 0 } }
      : {}),
  };
}

function millisecondsOf(text: string | readonly string[] | undefined): number | undefined {
  const number = Number(text ?? NaN);
  return Number.isFinite(number) && number >= 0 ? Math.min(number, RETRY_AFTER_MAX_MS) : undefined;
}

/** Messages are UTF-8 in percent-encoding; what is not is shown as it came. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
