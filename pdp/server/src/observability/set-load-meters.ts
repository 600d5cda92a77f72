import type { SetLoad, SetLoads } from '@edict/protocol';
import { LoadMeter } from './load-meter.ts';

/** The meters of one set: of what answers for all, or for all others, and of the canary. */
export interface SetMeters {
  readonly all: LoadMeter;
  readonly canary: LoadMeter;
}

/** Measures what Beats tell of each set. */
export class SetLoadMeters {
  readonly #bySet = new Map<string, SetMeters>();

  /** The meters of a set, made if need be. */
  of(set: string): SetMeters {
    let meters = this.#bySet.get(set);
    if (meters === undefined) {
      meters = { all: new LoadMeter(() => 0), canary: new LoadMeter(() => 0) };
      this.#bySet.set(set, meters);
    }
    return meters;
  }

  /** The set is served no more. */
  forget(set: string): void {
    this.#bySet.delete(set);
  }

  /** What was measured since the last call, of the sets that were asked anything. */
  take(): ReadonlyMap<string, SetLoads> {
    const taken = new Map<string, SetLoads>();
    for (const [set, { all, canary }] of this.#bySet) {
      const load = setLoadOf(all);
      const canaryLoad = setLoadOf(canary);
      const hasCanary = canaryLoad !== undefined;
      if (load === undefined && !hasCanary) continue;
      taken.set(set, { load: load ?? NOTHING, ...(hasCanary ? { canaryLoad } : {}) });
    }
    return taken;
  }
}

const NOTHING: SetLoad = { decisions: 0, errors: 0, denied: 0, p99Micros: 0 };

function setLoadOf(meter: LoadMeter): SetLoad | undefined {
  if (meter.isIdle) return undefined;
  const { decisions, errors, denied, p99Micros } = meter.take();
  return { decisions, errors, denied, p99Micros };
}

/** Both loads as one: counts add up, the slower 99th percentile counts. */
export function addSetLoads(
  sum: ReadonlyMap<string, SetLoads>,
  more: ReadonlyMap<string, SetLoads>,
): ReadonlyMap<string, SetLoads> {
  const both = new Map(sum);
  for (const [set, loads] of more) {
    const before = both.get(set);
    if (before === undefined) both.set(set, loads);
    else {
      const canaryLoad = addLoads(before.canaryLoad, loads.canaryLoad);
      both.set(set, {
        load: addLoads(before.load, loads.load) ?? NOTHING,
        ...(canaryLoad === undefined ? {} : { canaryLoad }),
      });
    }
  }
  return both;
}

function addLoads(a: SetLoad | undefined, b: SetLoad | undefined): SetLoad | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    decisions: a.decisions + b.decisions,
    errors: a.errors + b.errors,
    denied: a.denied + b.denied,
    p99Micros: Math.max(a.p99Micros, b.p99Micros),
  };
}
