import { appendFile, readFile } from 'node:fs/promises';
import { createPolicyEngine, renderAccessRecord, type PolicyEngine } from '@edict/engine';

/** An engine whose policy is a file, and whose records are lines of another. */
export interface FileEngine {
  readonly engine: PolicyEngine;
  /**
   * Swaps to what the file holds now and resolves with the revision that decides from here on. Rejects with every problem by
   * line and column if it is wrong; then what decided before still does.
   */
  readonly reload: () => Promise<number>;
}

/** Rejects with `InvalidDomains` if the policy is wrong: an application without policy does not start. */
export async function openFileEngine(policyFile: string, recordsFile: string): Promise<FileEngine> {
  const domains = async () => [{ file: policyFile, text: await readFile(policyFile, 'utf8') }];
  const revisionOf = (n: number) => ({ set: 'app/notes', revision: n, digest: '' });
  let revision = 1;
  const engine = await createPolicyEngine({
    domains: await domains(),
    revision: revisionOf(revision),
    // Awaited before the decision is given: what could not be recorded does not happen.
    audit: async (record) => await appendFile(recordsFile, `${renderAccessRecord(record)}\n`),
  });
  return {
    engine,
    reload: async () => {
      await engine.replaceDomains(await domains(), revisionOf(revision + 1));
      return ++revision;
    },
  };
}
