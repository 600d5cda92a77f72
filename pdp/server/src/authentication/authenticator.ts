import type { Reply } from '../http/reply.ts';
import type { RequestHeaders } from '../http/route.ts';

/** Who is at the other end of a connection, as far as the connection itself tells. One object per connection. */
export type Peer =
  | { readonly kind: 'anonymous' }
  /** A client of a unix socket: whoever may open its file. */
  | { readonly kind: 'local' }
  /** A client certificate that a trusted authority signed: its URI and DNS names, then `CN=…`. */
  | { readonly kind: 'certificate'; readonly names: readonly string[] }
  /** A client certificate that no trusted authority signed, or that is out of date. */
  | { readonly kind: 'untrusted'; readonly reason: string };

/** What authentication came to. `caller` is undefined where callers need not be known. */
export type Verdict =
  | { readonly kind: 'known'; readonly caller: string | undefined }
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly detail: string; readonly reply: Reply };

/** Why a caller is refused: it did not say who it is, it could not prove it, or it is known and not let in. */
export type RefusalReason = 'missing' | 'invalid' | 'forbidden' | 'unavailable';

/** Tells who asks. A promise only where something has to be computed or fetched. Never rejects. */
export interface Authenticator {
  readonly authenticate: (headers: RequestHeaders, peer: Peer) => Verdict | Promise<Verdict>;
}

/** A connection that tells nothing about its client. */
export const ANONYMOUS: Peer = { kind: 'anonymous' };

/** A connection over a unix socket. */
export const LOCAL: Peer = { kind: 'local' };
