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
}

/** What a token says, or which of its ties is broken. */
export type PageTokenResult =
  | { readonly ok: true; readonly position: PagePosition }
  | { readonly ok: false; readonly reason: 'invalid' | 'other-question' | 'other-revision' };

/** Makes and reads page tokens. PDPs with one key take each other's. */
export class PageTokens {
  readonly #key: Uint8Array;

  /** `key`: 32 bytes that callers cannot guess. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  issue(position: PagePosition, scope: PageScope): string {
    const payload = JSON.stringify([position.offset, position.limit, digestOf(scope), scope.revision]);
    return `${Buffer.from(payload).toString('base64url')}.${this.#mac(payload).toString('base64url')}`;
  }

  read(token: string, scope: PageScope): PageTokenResult {
    const [encoded = '', mac = ''] = token.split('.');
    const payload = Buffer.from(encoded, 'base64url').toString();
    const given = Buffer.from(mac, 'base64url');
    const expected = this.#mac(payload);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { ok: false, reason: 'invalid' };
    const [offset, limit, digest, revision] = JSON.parse(payload) as [number, number, string, string];
    if (digest !== digestOf(scope)) return { ok: false, reason: 'other-question' };
    if (revision !== scope.revision) return { ok: false, reason: 'other-revision' };
    return { ok: true, position: { offset, limit } };
  }

  #mac(payload: string): Buffer {
    return createHmac('sha256', this.#key).update(payload).digest();
  }
}

function digestOf({ search, question }: PageScope): string {
  return createHash('sha256')
    .update(JSON.stringify([search, question]))
    .digest('base64url');
}
