import { setTimeout as delay } from 'node:timers/promises';
import { Agent } from 'node:http';
import { ask, type Answer, type LoadTarget } from './load-generator.ts';

/** Callers that never have two questions open: the answers of each have an order. */
export interface SteadyCallers {
  /** Answers so far, by caller, each list in the order of the questions; they grow. */
  readonly answers: ReadonlyMap<string, readonly Answer[]>;
  /** Asks no more and resolves, with all answers, when those that are due have come. */
  readonly stop: () => Promise<ReadonlyMap<string, readonly Answer[]>>;
}

/**
 * Every caller asks one target after the other, the next once the one before has answered and `pauseMs` have passed. The first
 * caller begins with the first target, the second with the second, and so on.
 */
export function startCallers(
  callers: readonly string[],
  targets: readonly LoadTarget[],
  pauseMs: number,
  porc: (caller: string) => object,
): SteadyCallers {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const stopped = new AbortController();
  const answers = new Map<string, Answer[]>(callers.map((caller) => [caller, []]));
  const call = async (caller: string, first: number): Promise<void> => {
    for (let turn = first; !stopped.signal.aborted; turn += 1) {
      const target = targets[turn % targets.length];
      if (target === undefined) throw new Error('there is nobody to ask');
      answers.get(caller)?.push(await ask(target, porc(caller), agent));
      // Ended early by `stop`; unreferenced, so that a test that fails before it stops its callers does not live on by them.
      await delay(pauseMs, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined);
    }
  };
  const calling = Promise.all(callers.map(call));
  return {
    answers,
    stop: async () => {
      stopped.abort();
      await calling;
      agent.destroy();
      return answers;
    },
  };
}
