import { getPriority, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { Candidate, type CandidateTerms, type ShadowQuestion } from './candidate.ts';

/** Where cores are short, decisions go before comparing. */
const NICENESS = 5;

const candidate = new Candidate(workerData as CandidateTerms);

// Without a process id it is about this thread on Linux, and only there: elsewhere decisions would be made slower with it.
if (process.platform === 'linux' && getPriority() < NICENESS) setPriority(NICENESS);

/** Thread entry: one answer for each question of a list. */
parentPort?.on('message', (questions: readonly ShadowQuestion[]) => {
  parentPort?.postMessage(questions.map((question) => candidate.answer(question)));
});
