import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What is measured of the conversion webhook; names are API (docs/metrics.md). */
export interface ConversionMetrics {
  /** `outcome`: `converted`, `refused`, `invalid`, `too-large`, `busy`, `aborted`, `failed`. */
  readonly requests: Counter<'outcome'>;
  readonly objects: Counter<'to'>;
  readonly seconds: Histogram;
  readonly certificateExpiry: Gauge;
}

/** Makes the metrics in a registry of the caller's. */
export function createConversionMetrics(registry: Registry): ConversionMetrics {
  const registers = [registry];
  return {
    requests: new Counter({
      name: 'conversion_requests_total',
      help: 'Calls of the conversion webhook, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    objects: new Counter({
      name: 'conversion_objects_total',
      help: 'Objects converted, by the version that was asked for.',
      labelNames: ['to'],
      registers,
    }),
    seconds: new Histogram({
      name: 'conversion_duration_seconds',
      help: 'Time of one call, from its whole body to its answer.',
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    certificateExpiry: new Gauge({
      name: 'conversion_certificate_expiry_timestamp_seconds',
      help: 'When the serving certificate expires, in seconds since the epoch.',
      registers,
    }),
  };
}
