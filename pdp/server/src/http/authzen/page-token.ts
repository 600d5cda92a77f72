import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Where the next page of a search begins. */
export interface PagePosition {
  /** Results before it. */
  readonly offset: number;
  /** Results of a page. */
  readonly limit: number;
}

/** What a page belongs to: a token is good for this and nothing else. */
export interface PageScope {
  readonly search: string;
  /** The question, without its page. */
  readonly question: unknown;
  /** The consistency token of the revision, which names set and revision. */
  readonly revision: string;
  /** What every PDP with this policy knows, and callers do not; see {@link PageTokens}. */
  readonly key: Uint8Array;
}

/** What a token says, or which of its ties is broken. */
export type PageTokenResult =
  | { readonly ok: true; readonly position: PagePosition }
  | { readonly ok: false; readonly reason: 'invalid' | 'other-question' | 'other-revision' };

/** Makes and reads page tokens. PDPs with one key take each other's: the next page may be asked of another one. */
export class PageTokens {
  readonly #key: Uint8Array | undefined;

  /** `key`: 32 bytes that callers cannot guess. Without one the key is that of the scope. */
  constructor(key?: Uint8Array) {
    this.#key = key;
  }

  issue(position: PagePosition, scope: PageScope): string {
    const payload = JSON.stringify([position.offset, position.limit, digestOf(scope), scope.revision]);
    return `${Buffer.from(payload).toString('base64url')}.${this.#mac(payload, scope).toString('base64url')}`;
  }

  read(token: string, scope: PageScope): PageTokenResult {
    const [encoded = '', mac = ''] = token.split('.');
    const payload = Buffer.from(encoded, 'base64url').toString();
    const parts = readPayload(payload);
    if (parts === undefined) return { ok: false, reason: 'invalid' };
    // Looked at before what proves it: the key of another policy may be another one.
    if (parts.revision !== scope.revision) return { ok: false, reason: 'other-revision' };
    const given = Buffer.from(mac, 'base64url');
    const expected = this.#mac(payload, scope);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { ok: false, reason: 'invalid' };
    if (parts.digest !== digestOf(scope)) return { ok: false, reason: 'other-question' };
    return { ok: true, position: { offset: parts.offset, limit: parts.limit } };
  }

  #mac(payload: string, { key }: PageScope): Buffer {
    return createHmac('sha256', this.#key ?? key)
      .update(payload)
      .digest();
  }
}

interface Payload extends PagePosition {
  readonly digest: string;
  readonly revision: string;
}

/** What a token says, whoever made it; undefined if it says nothing of the kind. */
function readPayload(text: string): Payload | undefined {
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    return undefined; // anybody's text
  }
  if (!Array.isArray(parts)) return undefined;
  const [offset, limit, digest, revision] = parts as readonly unknown[];
  return isCount(offset) && isCount(limit) && typeof digest === 'string' && typeof revision === 'string'
    ? { offset, limit, digest, revision }
    : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function digestOf({ search, question }: PageScope): string {
  return createHash('sha256')
    .update(JSON.stringify([search, question]))
    .digest('base64url');
}
