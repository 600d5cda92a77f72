import { Gauge, type Registry } from 'prom-client';

/** What is told of the signing keys; only a leader tells. */
export interface KeyFigures {
  /** Since when the key signs, milliseconds since the epoch. */
  readonly signingSinceMs: number;
  /** Since when a rotation is under way; absent between rotations. */
  readonly rotatingSinceMs?: number;
  /** Keys that PDPs are told to trust. */
  readonly trusted: number;
}

/** Metrics of the keys in `registry`; `figures` is asked at every scrape, and answers undefined where nobody knows. */
export function createKeyMetrics(registry: Registry, figures: () => KeyFigures | undefined, nowMs: () => number): void {
  const registers = [registry];
  const ageOf = (sinceMs: number): number => Math.max(0, (nowMs() - sinceMs) / 1000);
  const show = (gauge: Gauge, value: (figures: KeyFigures) => number): void => {
    const now = figures();
    if (now === undefined) gauge.remove();
    else gauge.set(value(now));
  };
  new Gauge({
    name: 'operator_signing_key_age_seconds',
    help: 'Of the leader: how long the key signs that signs now.',
    registers,
    collect() {
      show(this, ({ signingSinceMs }) => ageOf(signingSinceMs));
    },
  });
  new Gauge({
    name: 'operator_signing_key_rotation_seconds',
    help: 'Of the leader: how long a rotation of the signing key is under way; 0 for none.',
    registers,
    collect() {
      show(this, ({ rotatingSinceMs }) => (rotatingSinceMs === undefined ? 0 : ageOf(rotatingSinceMs)));
    },
  });
  new Gauge({
    name: 'operator_signing_keys_trusted',
    help: 'Of the leader: keys that PDPs are told to trust.',
    registers,
    collect() {
      show(this, ({ trusted }) => trusted);
    },
  });
}
