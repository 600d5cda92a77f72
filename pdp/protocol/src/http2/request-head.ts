import type { IncomingHttpHeaders } from 'node:http2';
import { fieldBytes } from './hpack-decoder.ts';
import type { HeaderField } from './static-table.ts';

/** What a request begins with. It may be shared by requests that begin with the same bytes. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  /** Headers and pseudo headers by lower-case name. Of a repeated one the values are joined by ", " (of cookies by "; "). */
  readonly headers: Readonly<IncomingHttpHeaders>;
  /** What the request says of the size of its content. */
  readonly contentLength: number | undefined;
}

/** Why fields are no head: a request that breaks the rules, or one that is larger than may be. */
export type HeadProblem = 'malformed' | 'too-large';

const PSEUDO = new Set([':method', ':scheme', ':path', ':authority']);
/** Headers of HTTP/1's connections, which no request has here (RFC 9113, section 8.2.2). */
const OF_CONNECTIONS = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Puts the fields of a request together. */
export class HeadBuilder {
  readonly #maxBytes: number;
  readonly #headers = Object.create(null) as Record<string, string>;
  #bytes = 0;
  #hasRegular = false;
  #problem: HeadProblem | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  readonly add = (field: HeaderField): void => {
    this.#bytes += fieldBytes(field);
    if (this.#bytes > this.#maxBytes) this.#problem ??= 'too-large';
    if (this.#problem !== undefined) return;
    if (!this.#takes(field)) {
      this.#problem = 'malformed';
      return;
    }
    const [name, value] = field;
    const before = this.#headers[name];
    this.#headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
  };

  finish(): RequestHead | HeadProblem {
    if (this.#problem !== undefined) return this.#problem;
    const headers = this.#headers;
    const { ':method': method, ':path': path, ':scheme': scheme, 'content-length': length } = headers;
    if (method === undefined || path === undefined || path === '' || scheme === undefined) return 'malformed';
    if (length !== undefined && !/^\d{1,15}$/.test(length)) return 'malformed';
    return { method, path, headers, contentLength: length === undefined ? undefined : Number(length) };
  }

  /** Whether RFC 9113, section 8.2 and 8.3, lets a request have this field here. */
  #takes([name, value]: HeaderField): boolean {
    if (!isFieldValue(value)) return false;
    if (name.startsWith(':')) return !this.#hasRegular && PSEUDO.has(name) && this.#headers[name] === undefined;
    this.#hasRegular = true;
    return NAME.test(name) && !OF_CONNECTIONS.has(name) && (name !== 'te' || value === 'trailers');
  }
}

/** No NUL, CR or LF, and no space around it. */
function isFieldValue(value: string): boolean {
  return !/[\0\r\n]|^[ \t]|[ \t]$/.test(value);
}
