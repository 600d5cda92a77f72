import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import type { Operator, OperatorOptions } from '../operator-types.ts';
import type { FolderProblem } from '../store/folder/folder-problem.ts';
import { openFolderStore, type FolderStore } from '../store/folder/folder-store.ts';
import { connectPdp, NAMESPACE, startOperator, type ConnectedPdp, type StartedOperator } from './fixtures.ts';

/** A folder store, and the operators and PDPs of one test that live on it. */
export interface FolderStage {
  readonly folder: string;
  readonly store: FolderStore;
  /** What is wrong with the files in the folder now. */
  readonly problems: () => readonly FolderProblem[];
  /** The PDPs that were connected and are not closed, oldest first. */
  readonly pdps: readonly ConnectedPdp[];
  /** Starts an operator on the store, as {@link startOperator} does. */
  readonly start: (over?: Partial<OperatorOptions>) => Promise<StartedOperator>;
  /** Connects a PDP, as {@link connectPdp} does. */
  readonly connect: (...args: Parameters<typeof connectPdp>) => ConnectedPdp;
  /** Ends the PDPs, then the operators, then the store, and deletes the folder. */
  readonly close: () => Promise<void>;
}

/** Opens a store over a new folder. It looks at the files every `rescanMs`, by default every 100 ms. */
export async function openFolderStage(rescanMs = 100): Promise<FolderStage> {
  const folder = await mkdtemp(join(tmpdir(), 'edict-stage-'));
  let problems: readonly FolderProblem[] = [];
  const store = await openFolderStore({
    folder,
    namespace: NAMESPACE,
    clock: systemClock,
    onProblems: (found) => {
      problems = found;
    },
    rescanMs,
  });
  const operators: Operator[] = [];
  const pdps: ConnectedPdp[] = [];
  return {
    folder,
    store,
    problems: () => problems,
    pdps,
    start: async (over) => {
      const started = await startOperator(store, over);
      operators.push(started.operator);
      return started;
    },
    connect: (...args) => {
      const pdp = connectPdp(...args);
      pdps.push(pdp);
      return pdp;
    },
    close: async () => {
      for (const { client } of pdps.splice(0)) await client.close();
      for (const operator of operators.splice(0)) await operator.stop();
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}
