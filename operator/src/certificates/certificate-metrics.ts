import { Gauge, type Registry } from 'prom-client';
import type { CertificateExpiry } from './certificate-manager.ts';

/** Tells in `registry` when certificates end; `expiry` is asked at every scrape. */
export function createCertificateMetrics(registry: Registry, expiry: () => CertificateExpiry | undefined): void {
  new Gauge({
    name: 'operator_certificate_expiry_timestamp_seconds',
    help: 'When a certificate ends that the operator made: its authority, and what it serves with.',
    labelNames: ['certificate'],
    registers: [registry],
    collect() {
      const known = expiry();
      if (known === undefined) return;
      this.set({ certificate: 'authority' }, known.authorityMs / 1000);
      this.set({ certificate: 'serving' }, known.servingMs / 1000);
    },
  });
}
