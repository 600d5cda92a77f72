import { KEEP_ALIVE_MS, MAX_CONNECTIONS, MAX_STREAMS, WRITE_TIMEOUT_MS, type SocketOptions } from '../listener.ts';
import { MAX_REQUESTS } from './dispatcher.ts';
import { TLS_RELOAD_MS, type TlsFilePaths } from './tls-files.ts';

/** How connections are taken. What is left out is as {@link TRANSPORT_DEFAULTS}. */
export interface TransportSettings {
  readonly tls?: TlsSettings | undefined;
  /** A unix socket to answer on besides. */
  readonly socket?: SocketOptions | undefined;
  readonly maxConnections?: number | undefined;
  readonly maxRequests?: number | undefined;
  readonly maxStreams?: number | undefined;
  /** Requests after which a connection is closed; 0 is never. */
  readonly maxRequestsPerConnection?: number | undefined;
  readonly keepAliveMs?: number | undefined;
  readonly writeTimeoutMs?: number | undefined;
}

/** TLS for every port that decisions are served on. */
export interface TlsSettings extends TlsFilePaths {
  /** Whether clients have to show a certificate. `None` unless there is a CA for them. */
  readonly clientCertificates: 'None' | 'Optional' | 'Required';
  readonly reloadMs?: number | undefined;
}

/** What connections are bounded by unless told otherwise. */
export const TRANSPORT_DEFAULTS = {
  maxConnections: MAX_CONNECTIONS,
  maxRequests: MAX_REQUESTS,
  maxStreams: MAX_STREAMS,
  maxRequestsPerConnection: 0,
  keepAliveMs: KEEP_ALIVE_MS,
  writeTimeoutMs: WRITE_TIMEOUT_MS,
  tlsReloadMs: TLS_RELOAD_MS,
} as const;
