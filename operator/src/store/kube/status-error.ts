import { StoreError, type StoreErrorCode } from '../errors.ts';

/** Kubernetes' Status object, as far as it is read. */
interface Status {
  readonly reason?: string;
  readonly message?: string;
}

/** The coded error for an answer that is not a 2xx. `where` names the request. */
export function errorOfStatus(httpStatus: number, body: string, where: string): StoreError {
  const status = parseStatus(body);
  const message = `${where}: ${status.message ?? `the apiserver answered ${httpStatus}`}`;
  return new StoreError(codeOf(httpStatus, status.reason), message, { httpStatus });
}

/** The same for an ERROR event of a watch, which carries its HTTP status inside. */
export function errorOfWatchEvent(object: unknown, where: string): StoreError {
  const { code, reason, message } = object as { code?: number; reason?: string; message?: string };
  const httpStatus = code ?? 500;
  return new StoreError(codeOf(httpStatus, reason), `${where}: ${message ?? 'the watch failed'}`, { httpStatus });
}

function codeOf(httpStatus: number, reason: string | undefined): StoreErrorCode {
  if (httpStatus === 404) return 'NotFound';
  if (httpStatus === 409) return reason === 'AlreadyExists' ? 'AlreadyExists' : 'Conflict';
  if (httpStatus === 401 || httpStatus === 403) {
    // Creating in a namespace that is being deleted is refused for good: the object will never be there.
    return 'Forbidden';
  }
  if (httpStatus === 400 || httpStatus === 413 || httpStatus === 415 || httpStatus === 422) return 'Invalid';
  return 'Unavailable'; // 410 (list again), 429, 5xx
}

function parseStatus(body: string): Status {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    // Proxies and overloaded servers answer in plain text.
    return body === '' ? {} : { message: body.slice(0, 500) };
  }
}
