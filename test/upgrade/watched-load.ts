import { setTimeout as delay } from 'node:timers/promises';
import { podTarget, type Fleet } from '../e2e/fleet.ts';
import { isPodReady } from '../e2e/objects.ts';
import { epochMs } from '../support/cluster-client.ts';
import { failuresOf, startLoad, type Answer } from '../support/load-generator.ts';
import { findRegressions, type Regression } from '../support/serving-order.ts';

/** Constant questions to every pod of a fleet that is ready, by its own address, and to the fleet's Service. */
export interface WatchedLoad {
  /** From now on nobody may answer with an older revision than this one. */
  readonly expectAtLeast: (revision: number) => void;
  readonly stop: () => Promise<LoadVerdict>;
}

/** What a load has shown. */
export interface LoadVerdict {
  readonly answers: readonly Answer[];
  /** Answers that are no decision, as {@link failuresOf} says them. */
  readonly failures: readonly string[];
  /** Pods that went back. */
  readonly regressions: readonly Regression[];
  /** Answers of an older revision than had been everywhere before they were asked for. */
  readonly stale: readonly Answer[];
}

/** How often it is looked which pods are there: often enough to leave one that ends before it does. */
const LOOK_MS = 200;

/** Asks at once; the pods that come and go are followed until the end. */
export async function startWatchedLoad(
  fleet: Fleet,
  ratePerSecond: number,
  question: () => object,
): Promise<WatchedLoad> {
  const service = await fleet.serviceTarget();
  const targets = async () => [service, ...(await fleet.pods()).filter(isPodReady).map(podTarget)];
  const load = startLoad(await targets(), ratePerSecond, question);
  const stopped = new AbortController();
  const floors: { readonly at: number; readonly revision: number }[] = [];
  const following = (async () => {
    while (!stopped.signal.aborted) {
      load.setTargets(await targets());
      await delay(LOOK_MS, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined);
    }
  })();
  return {
    expectAtLeast: (revision) => {
      floors.push({ at: epochMs(), revision });
    },
    stop: async () => {
      stopped.abort();
      await following;
      const answers = await load.stop();
      // One who asks the Service is answered by this pod and that: whether each goes forward its own address shows.
      const ofPods = answers.filter(({ target }) => target !== service.name);
      return {
        answers,
        failures: failuresOf(answers),
        regressions: findRegressions(ofPods),
        stale: answers.filter(({ sentAt, revision }) => {
          const floor = floors.findLast(({ at }) => at <= sentAt)?.revision ?? 0;
          return revision !== undefined && revision < floor;
        }),
      };
    },
  };
}
