import { parentPort } from 'node:worker_threads';
import { PolicyRuleFinder, type BundleFiles, type RulesQuestion } from './explain-policies.ts';

const finder = new PolicyRuleFinder();

/** Thread entry: one answer for each question. */
parentPort?.on('message', ({ question, bundles }: { question: RulesQuestion; bundles?: BundleFiles }) => {
  parentPort?.postMessage(finder.find(question, bundles));
});
