import { Counter, Gauge, type Registry } from 'prom-client';

/** What a relay counts, besides what every distribution counts of its PDPs. */
export interface RelayMetrics {
  readonly hubConnected: (isConnected: boolean) => void;
  /** Age of the hub's newest word about a set, and the newest decided revision that the relay has. */
  readonly set: (set: string, wordAgeMs: number, committed: number) => void;
  readonly fetch: (outcome: 'fetched' | 'failed') => void;
  readonly store: (outcome: 'written' | 'failed') => void;
}

/** The metrics in `registry`. */
export function createRelayMetrics(registry: Registry): RelayMetrics {
  const registers = [registry];
  const connected = new Gauge({
    name: 'operator_relay_hub_connected',
    help: '1 while the relay has a stream to its hub.',
    registers,
  });
  const age = new Gauge({
    name: 'operator_relay_word_age_seconds',
    help: 'Age of what the hub said last about a set: the leases of the PDPs of the site rest on it. 86400: nothing was said.',
    labelNames: ['set'],
    registers,
  });
  const committed = new Gauge({
    name: 'operator_relay_revision_committed',
    help: 'Newest decided revision that the relay has.',
    labelNames: ['set'],
    registers,
  });
  const fetches = new Counter({
    name: 'operator_relay_fetches_total',
    help: 'Revisions whose artifacts were fetched from the hub, by how that ended.',
    labelNames: ['outcome'],
    registers,
  });
  const stores = new Counter({
    name: 'operator_relay_record_writes_total',
    help: 'Records of decided revisions written to the state directory, by how that ended.',
    labelNames: ['outcome'],
    registers,
  });
  return {
    hubConnected: (isConnected) => {
      connected.set(isConnected ? 1 : 0);
    },
    set: (set, wordAgeMs, n) => {
      age.set({ set }, wordAgeMs / 1000);
      committed.set({ set }, n);
    },
    fetch: (outcome) => {
      fetches.inc({ outcome });
    },
    store: (outcome) => {
      stores.inc({ outcome });
    },
  };
}
