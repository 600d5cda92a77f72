import { Counter, Gauge, type Registry } from 'prom-client';

/** How a request for a bundle ended. */
export type BundleOutcome =
  'sent' | 'unmodified' | 'missing' | 'unauthenticated' | 'forbidden' | 'busy' | 'gone' | 'failed';

/** How a status report was taken. */
export type StatusOutcome = 'taken' | 'invalid' | 'unauthenticated' | 'forbidden' | 'full' | 'not-leader' | 'busy';

/** What the bundle endpoint counts. */
export interface BundleMetrics {
  readonly request: (outcome: BundleOutcome, bytes: number) => void;
  readonly waiters: (count: number) => void;
  readonly status: (outcome: StatusOutcome) => void;
}

/** The metrics in `registry`. */
export function createBundleMetrics(registry: Registry): BundleMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'operator_opa_bundle_requests_total',
    help: 'Requests of stock OPAs for bundles.',
    labelNames: ['outcome'],
    registers,
  });
  const bytes = new Counter({
    name: 'operator_opa_bundle_bytes_total',
    help: 'Bytes of such bundles sent.',
    registers,
  });
  const waiters = new Gauge({
    name: 'operator_opa_bundle_waiters',
    help: 'Such requests that wait for a new revision.',
    registers,
  });
  const statuses = new Counter({
    name: 'operator_opa_statuses_total',
    help: 'Status reports of stock OPAs.',
    labelNames: ['outcome'],
    registers,
  });
  return {
    request: (outcome, sent) => {
      requests.inc({ outcome });
      if (sent > 0) bytes.inc(sent);
    },
    waiters: (count) => {
      waiters.set(count);
    },
    status: (outcome) => {
      statuses.inc({ outcome });
    },
  };
}
