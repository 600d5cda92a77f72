import type { DomainChecker } from './domain-checker.ts';
import { Workbench } from './workbench.ts';

/** A checker on the caller's own thread: for command lines and tests, where nothing else waits. */
export function createInlineChecker(): DomainChecker {
  const workbench = new Workbench();
  return {
    checkDomain: (subject, context) => Promise.resolve().then(() => workbench.checkDomain(subject, context)),
    checkCombination: (bundles, changed, documents) =>
      Promise.resolve().then(() => workbench.checkCombination(bundles, changed, documents)),
    runTests: (domains, suites, documents, timeoutMs) =>
      Promise.resolve().then(() => workbench.runTests(domains, suites, documents, timeoutMs)),
    close: () => Promise.resolve(),
  };
}
