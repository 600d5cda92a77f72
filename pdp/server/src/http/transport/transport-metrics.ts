import { Counter, Gauge, type Registry } from 'prom-client';
import type { RefusalReason } from '../../authentication/authenticator.ts';
import type { DropReason } from './connection-host.ts';

/** Metrics of connections; names are API (docs/metrics.md). Labels come from closed sets. */
export interface TransportMetrics {
  readonly connections: Counter<'protocol'>;
  readonly dropped: Counter<'reason'>;
  readonly unauthenticated: Counter<'reason'>;
  readonly tlsReloads: Counter<'outcome'>;
  readonly certificateExpiry: Gauge;
  readonly keyFetches: Counter<'outcome'>;
}

const DROP_REASONS: readonly DropReason[] = [
  'incomplete',
  'malformed',
  'request-timeout',
  'write-timeout',
  'handshake',
  'too-many',
];
const REFUSAL_REASONS: readonly RefusalReason[] = ['missing', 'invalid', 'forbidden', 'unavailable'];

/** Adds them to a registry. */
export function createTransportMetrics(registry: Registry): TransportMetrics {
  const registers = [registry];
  const metrics: TransportMetrics = {
    connections: new Counter({
      name: 'pdp_connections_total',
      help: 'Connections taken for decisions over HTTP, by protocol.',
      labelNames: ['protocol'],
      registers,
    }),
    dropped: new Counter({
      name: 'pdp_connections_dropped_total',
      help: 'Connections that were closed before their client had all that it asked for, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    unauthenticated: new Counter({
      name: 'pdp_unauthenticated_total',
      help: 'Requests whose caller was not let in (401, 403, or 503 where the keys cannot be had), by reason.',
      labelNames: ['reason'],
      registers,
    }),
    tlsReloads: new Counter({
      name: 'pdp_tls_reloads_total',
      help: 'Changes of the certificate files: taken, or refused because they cannot be used.',
      labelNames: ['outcome'],
      registers,
    }),
    certificateExpiry: new Gauge({
      name: 'pdp_tls_certificate_expiry_seconds',
      help: 'When the certificate that is served ends, in seconds since the epoch; 0 without TLS.',
      // Of several workers the one that ends first counts.
      aggregator: 'min',
      registers,
    }),
    keyFetches: new Counter({
      name: 'pdp_jwks_fetches_total',
      help: 'Fetches of the keys that bearer tokens are signed with, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
  };
  for (const protocol of ['http1', 'http2']) metrics.connections.inc({ protocol }, 0);
  for (const reason of DROP_REASONS) metrics.dropped.inc({ reason }, 0);
  for (const reason of REFUSAL_REASONS) metrics.unauthenticated.inc({ reason }, 0);
  for (const outcome of ['taken', 'refused']) metrics.tlsReloads.inc({ outcome }, 0);
  for (const outcome of ['ok', 'failed']) metrics.keyFetches.inc({ outcome }, 0);
  metrics.certificateExpiry.set(0);
  return metrics;
}
