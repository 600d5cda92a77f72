/** How a request to the network ended; a label of metrics. */
export type NetworkOutcome =
  'answered' | 'cached' | 'failed' | 'forbidden-host' | 'invalid' | 'overloaded' | 'timeout' | 'too-large';

/** Ends one exchange. `during` tells whether headers had been seen: what fails later counts as ours in OPA. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  readonly outcome: NetworkOutcome;
  readonly during: 'headers' | 'body';

  constructor(outcome: NetworkOutcome, message: string, during: 'headers' | 'body' = 'headers') {
    super(message);
    this.outcome = outcome;
    this.during = during;
  }
}

const UNKNOWN_AUTHORITY = 'tls: failed to verify certificate: x509: certificate signed by unknown authority';

const WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  HPE_HEADER_OVERFLOW: 'net/http: server response headers exceeded the limit',
  EPIPE: 'write: broken pipe',
};

/** What OpenSSL says of a server that does not speak TLS. */
const NOT_TLS = new Set(['packet length too long', 'wrong version number']);

const CONNECT_WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
};

/** What went wrong on a socket, in Go's words so far as there are some. */
export function socketWords(error: unknown): string {
  const code = textOf(error, 'code');
  const known = WORDS[code];
  if (known !== undefined) return known;
  const connect = CONNECT_WORDS[code];
  if (connect !== undefined) return `dial tcp${peerOf(error)}: connect: ${connect}`;
  const message = textOf(error, 'message');
  if (code === 'ECONNRESET') return message === 'socket hang up' ? 'EOF' : 'read: connection reset by peer';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `tls: failed to verify certificate: x509: ${message}`;
  if (code.startsWith('HPE_')) return 'net/http: HTTP/1.x transport connection broken: malformed HTTP response';
  const tls = /SSL routines:[^:]*:([^:]+):/.exec(message)?.[1];
  if (tls !== undefined) return `tls: ${NOT_TLS.has(tls) ? 'first record does not look like a TLS handshake' : tls}`;
  return message;
}

/** What went wrong with a name, in Go's words. */
export function lookupWords(name: string, error: unknown): string {
  const code = textOf(error, 'code');
  if (code === 'ENOTFOUND') return `lookup ${name}: no such host`;
  return `lookup ${name}: ${code === 'EAI_AGAIN' ? 'server misbehaving' : textOf(error, 'message')}`;
}

/** Of several addresses that were tried, the first tells. */
function peerOf(error: unknown): string {
  const tried = field(error, 'errors');
  const first: unknown = Array.isArray(tried) ? tried[0] : error;
  const address = field(first, 'address');
  const port = field(first, 'port');
  if (typeof address !== 'string' || typeof port !== 'number') return '';
  return ` ${address.includes(':') ? `[${address}]` : address}:${String(port)}`;
}

function textOf(error: unknown, name: 'code' | 'message'): string {
  const text = field(error, name);
  return typeof text === 'string' ? text : '';
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
