import { durationMs, type PolicySet, type PrometheusQuery } from '@edict/crds';
import { isDigest } from '@edict/bundle';
import type { RevisionId, RolloutProgress } from '@edict/protocol';
import type { Clock } from '../clock.ts';
import { keyOf, keyText } from '../store/object-key.ts';
import type { QueryVerdict } from './query-prometheus.ts';

/** Time between two looks at which sets have a wave to be judged. */
const LOOK_MS = 500;

export interface AnalystOptions {
  readonly sets: () => readonly PolicySet[];
  readonly progress: (set: string) => RolloutProgress | undefined;
  readonly query: (query: PrometheusQuery, signal: AbortSignal) => Promise<QueryVerdict>;
  readonly tell: (set: string, revision: RevisionId, wave: number, verdict: QueryVerdict) => void;
  readonly clock: Clock;
}

/** Asks about waves that soak, from its making until it is closed. */
export interface Analyst {
  readonly close: () => void;
}

/** Waves that hold, or soak, are asked about at the interval of their set; one query per set at a time. */
export function createAnalyst({ sets, progress, query, tell, clock }: AnalystOptions): Analyst {
  const closing = new AbortController();
  const busy = new Set<string>();
  const nextAt = new Map<string, number>();
  let cancel: (() => void) | undefined;

  async function ask(set: string, of: PrometheusQuery, revision: RevisionId, wave: number): Promise<void> {
    busy.add(set);
    try {
      const verdict = await query(of, closing.signal);
      if (!closing.signal.aborted) tell(set, revision, wave, verdict);
    } finally {
      busy.delete(set);
    }
  }

  function look(): void {
    const now = clock.monotonic();
    const soaking = new Set<string>();
    for (const object of sets()) {
      const of = object.spec.rollout.analysis?.prometheus;
      if (of === undefined) continue;
      const set = keyText(keyOf(object));
      const told = progress(set);
      if (told?.wave === undefined || !isSoaking(told) || !isDigest(told.digest)) continue;
      soaking.add(set);
      if (busy.has(set) || now < (nextAt.get(set) ?? 0)) continue;
      nextAt.set(set, now + durationMs(of.interval));
      const revision = { setUid: told.setUid, n: told.revision, digest: told.digest };
      // It answers for itself whatever happens, so there is nothing to catch.
      void ask(set, of, revision, told.wave.index);
    }
    for (const set of nextAt.keys()) if (!soaking.has(set)) nextAt.delete(set);
    cancel = clock.schedule(LOOK_MS, look);
  }

  look();
  return {
    close: () => {
      closing.abort();
      cancel?.();
    },
  };
}

/** A wave that is paused for what was said of it goes on when something else is said. */
function isSoaking({ phase, hold }: RolloutProgress): boolean {
  return phase === 'Soaking' || hold?.reason === 'AnalysisUnknown' || hold?.reason === 'AnalysisFailed';
}
