import type { Digest } from '@edict/bundle';
import { messageOf, type Clock, type PdpPorts, type ShadowCounts } from '@edict/protocol';
import type { PdpMetrics } from '../observability/metrics.ts';
import type { SetLabels } from '../observability/set-labels.ts';
import { NOTHING_FOUND, type Comparing } from './comparing.ts';

/** What the distribution client asks for: see `PdpPorts.shadow`. */
export type StartShadow = NonNullable<PdpPorts['shadow']>;

/** Begins to show live requests of a set to a candidate. Throws where that is impossible. */
export type StartComparing = (set: string, digest: Digest, samplePpm: number) => Comparing;

export interface ShadowRunDeps {
  readonly startComparing: StartComparing;
  readonly clock: Pick<Clock, 'schedule'>;
  readonly labels: SetLabels;
  readonly metrics: Pick<PdpMetrics, 'shadowEvaluations' | 'shadowDiffs' | 'shadowDropped'>;
}

/** How often findings are told. */
export const SHADOW_NEWS_MS = 1_000;

/** A candidate that is not loaded after this long is compared for what is left of its window, milliseconds. */
export const SHADOW_READY_MAX_MS = 15_000;

const MAX_MESSAGE_LENGTH = 1_000;

/** Runs comparisons for as long as their windows, and tells and counts what they find. */
export function createShadow({ startComparing, clock, labels, metrics }: ShadowRunDeps): StartShadow {
  return (set, { digest }, { samplePpm, windowMs }, onNews, signal) =>
    new Promise((resolve, reject) => {
      const comparing = startComparing(set, digest, samplePpm);
      const label = labels.of(set);
      const evaluations = metrics.shadowEvaluations.series(label);
      const dropped = metrics.shadowDropped.series(label);
      const diffs = KINDS.map(([kind, member]) => ({ member, series: metrics.shadowDiffs.series(label, kind) }));
      let counted: ShadowCounts = NOTHING_FOUND.counts;
      let leftMs = windowMs;
      let waitsMs = SHADOW_READY_MAX_MS;
      let cancel: () => void = () => undefined;
      const count = (counts: ShadowCounts): void => {
        evaluations.inc(counts.total - counted.total);
        dropped.inc(counts.dropped - counted.dropped);
        for (const { member, series } of diffs) series.inc(counts[member] - counted[member]);
        counted = counts;
      };
      const look = (): void => {
        const { findings, failure } = comparing;
        count(findings.counts);
        if (failure !== undefined) {
          end();
          reject(new Error(`the comparison ended: ${messageOf(failure)}`.slice(0, MAX_MESSAGE_LENGTH)));
          return;
        }
        const done = leftMs <= 0;
        if (done) end();
        onNews({ ...findings, done });
        if (done) resolve();
        else wait();
      };
      const wait = (): void => {
        const stepMs = Math.min(SHADOW_NEWS_MS, leftMs);
        cancel = clock.schedule(stepMs, () => {
          // The window begins when there is somebody to compare with.
          if (comparing.findings.ready || waitsMs <= 0) leftMs -= stepMs;
          else waitsMs -= stepMs;
          look();
        });
      };
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', onAbort);
        comparing.close();
      };
      const onAbort = (): void => {
        count(comparing.findings.counts);
        end();
        resolve();
      };
      signal.addEventListener('abort', onAbort);
      wait();
    });
}

const KINDS = [
  ['grant-to-deny', 'grantToDeny'],
  ['deny-to-grant', 'denyToGrant'],
  ['error', 'errors'],
] as const satisfies readonly (readonly [string, keyof ShadowCounts])[];
