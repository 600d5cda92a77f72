import type { HttpRequest, HttpResponse } from '@edict/engine';

/** Bounds of the answers that are kept for later decisions. */
export interface ResponseCacheLimits {
  /** Bytes of bodies, headers and requests. 0 keeps nothing. */
  readonly maxBytes: number;
  readonly maxEntries: number;
}

/** The bounds that hold unless others are given. */
export const DEFAULT_RESPONSE_CACHE: ResponseCacheLimits = { maxBytes: 16_777_216, maxEntries: 1_000 };

/** A response that is kept, and until when it may be used without asking. */
export interface KeptResponse {
  readonly response: HttpResponse;
  readonly expiresAtMs: number;
}

/** Answers to `http.send` for later decisions, bounded; what was used longest ago goes first. */
export class ResponseCache {
  readonly #limits: ResponseCacheLimits;
  readonly #entries = new Map<string, { readonly kept: KeptResponse; readonly bytes: number }>();
  #bytes = 0;

  constructor(limits: ResponseCacheLimits) {
    this.#limits = limits;
  }

  /** Bytes that the entries are taken to have. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many responses are kept. */
  get size(): number {
    return this.#entries.size;
  }

  /** What is kept for a request, stale or not. */
  get(key: string): KeptResponse | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.kept;
  }

  /** Keeps a response if there is room for it at all. */
  set(key: string, kept: KeptResponse): void {
    this.delete(key);
    const bytes = sizeOf(key, kept.response);
    if (bytes > this.#limits.maxBytes) return;
    this.#entries.set(key, { kept, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#limits.maxBytes && this.#entries.size <= this.#limits.maxEntries) return;
      this.delete(oldest);
    }
  }

  /** Forgets a response. */
  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

function sizeOf(key: string, { headers, body }: HttpResponse): number {
  // Two bytes a character is the most that a text takes.
  return body.byteLength + 2 * headers.reduce((sum, [name, value]) => sum + name.length + value.length, key.length);
}

/** Codes whose responses may be kept (RFC 7231, section 6.1). */
const CACHEABLE = new Set([200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501]);

/**
 * Until when a response may be used, ms since the epoch; undefined if it may not be kept. What has expired already is kept
 * only if the server can be asked whether it still holds.
 */
export function expiryOf(
  response: HttpResponse,
  caching: NonNullable<HttpRequest['caching']>,
  nowMs: number,
): number | undefined {
  if (!CACHEABLE.has(response.statusCode)) return undefined;
  if (caching.forceSeconds !== undefined) return nowMs + caching.forceSeconds * 1000;
  const directives = cacheControl(response);
  if (directives.has('no-store')) return undefined;
  const expiresAtMs = expiryFromHeaders(response, directives);
  if (expiresAtMs === undefined) return undefined;
  const isUsable = expiresAtMs > nowMs || validatorsOf(response).length > 0;
  return isUsable ? expiresAtMs : undefined;
}

/** `max-age` counts from the server's date, without which it cannot be used; `Expires` stands for itself. */
function expiryFromHeaders(response: HttpResponse, directives: ReadonlyMap<string, string>): number | undefined {
  const maxAge = directives.get('max-age');
  if (maxAge === undefined) return dateOf(headerOf(response, 'expires')) ?? 0;
  const createdMs = dateOf(headerOf(response, 'date'));
  if (createdMs === undefined || !/^\d+$/.test(maxAge)) return undefined;
  return createdMs + Math.min(Number(maxAge), 0x7fffffff) * 1000;
}

/** The headers that ask a server whether a kept response still holds; none if it cannot be asked. */
export function validatorsOf(response: HttpResponse): HttpRequest['headers'] {
  const validators: [string, string][] = [];
  const etag = headerOf(response, 'etag');
  const lastModified = headerOf(response, 'last-modified');
  if (etag !== undefined) validators.push(['If-None-Match', etag]);
  if (lastModified !== undefined) validators.push(['If-Modified-Since', lastModified]);
  return validators;
}

/** A kept response with the headers of a 304 in place of its own. */
export function refreshed(kept: HttpResponse, notModified: HttpResponse): HttpResponse {
  const names = new Set(notModified.headers.map(([name]) => name.toLowerCase()));
  const headers = [...kept.headers.filter(([name]) => !names.has(name.toLowerCase())), ...notModified.headers];
  return { ...kept, headers };
}

function cacheControl(response: HttpResponse): ReadonlyMap<string, string> {
  const parts = (headerOf(response, 'cache-control') ?? '').split(',').map((part) => part.trim().split('='));
  return new Map(parts.filter(({ length }) => length <= 2).map(([name = '', value = '']) => [name.trim(), value]));
}

function headerOf({ headers }: HttpResponse, lowerName: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === lowerName)?.[1];
}

function dateOf(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
