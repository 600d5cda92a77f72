import { Worker } from 'node:worker_threads';
import type { CandidateTerms, ShadowAnswer, ShadowQuestion } from './candidate.ts';

/** Where a candidate answers: not on the thread that serves. */
export interface ShadowThread {
  readonly ask: (questions: readonly ShadowQuestion[]) => void;
  readonly close: () => void;
}

/** Starts a thread; what it answers, and why it ended if it did so by itself, is told to the listeners. */
export type StartShadowThread = (
  terms: CandidateTerms,
  onAnswers: (answers: readonly ShadowAnswer[]) => void,
  onEnd: (error: unknown) => void,
) => ShadowThread;

/** Heap of a candidate's thread, in MB. */
export const SHADOW_HEAP_MB = 256;

const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './shadow-worker.ts' : './shadow-worker.js',
  import.meta.url,
);

/** See {@link StartShadowThread}: a worker thread with a heap of its own. */
export const startShadowThread: StartShadowThread = (terms, onAnswers, onEnd) => {
  const worker = new Worker(workerUrl, {
    workerData: terms,
    resourceLimits: { maxOldGenerationSizeMb: SHADOW_HEAP_MB },
  });
  worker.unref();
  worker.on('message', onAnswers);
  worker.on('error', onEnd);
  worker.on('exit', (code) => onEnd(new Error(`the thread of a shadow evaluation ended with code ${code}`)));
  return {
    ask: (questions) => worker.postMessage(questions),
    close: () => {
      worker.removeAllListeners();
      worker.on('error', () => undefined);
      void worker.terminate();
    },
  };
};
