import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { messageOf } from '@edict/protocol';
import type { Logger } from '../observability/logger.ts';
import { fingerprintOf, PolicyFolderError, readPolicyFolder } from './policy-folder.ts';
import type { FileSet, FileSets } from './policy-sets.ts';
import type { PolicySetsRequest } from './policy-sets-worker.ts';

/** How a load of the files ended. */
export type LoadOutcome = 'loaded' | 'refused';

/** What a {@link PolicySource} works with. */
export interface PolicySourceOptions {
  readonly folder: string;
  /** Built-ins that policies may not call. */
  readonly unsafeBuiltins: readonly string[];
  readonly onSets: (sets: readonly FileSet[]) => void;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** Time for reading, checking and rendering the files once. */
export const POLICY_LOAD_TIMEOUT_MS = 60_000;

/** Heap of the thread that does it. */
const LOAD_MAX_HEAP_MB = 512;

/** The files cannot be used; the message lists every problem, one per line. */
export class PolicyFilesError extends Error {
  override readonly name = 'PolicyFilesError';
  readonly code = 'PolicyFilesRefused';
  constructor(folder: string, problems: readonly string[]) {
    super(`the policy of ${folder} is refused:\n${problems.map((line) => `  ${line}`).join('\n')}`);
  }
}

/** A folder of policy that is read, and read again when it changes. What is wrong in it never takes away what was good. */
export class PolicySource {
  readonly #options: PolicySourceOptions;
  readonly #over = new AbortController();
  /** The state of the folder, or why there was none, at the last load. */
  #seen: string | undefined;
  #watching: Promise<void> | undefined;

  constructor(options: PolicySourceOptions) {
    this.#options = options;
  }

  /** Reads the folder. @throws PolicyFilesError, PolicyFolderError */
  async load(): Promise<void> {
    const { folder, unsafeBuiltins, logger, onSets } = this.#options;
    const { fingerprint, files } = await readPolicyFolder(folder);
    this.#seen = fingerprint;
    const read = await setsInThread({ files, unsafeBuiltins });
    if (!read.ok) throw new PolicyFilesError(folder, read.problems);
    for (const warning of read.warnings) logger.warn(warning);
    const sets = read.sets.map(({ set, digest }) => `${set} ${digest}`);
    logger.info('policy files are read', { folder, files: files.length, sets });
    onSets(read.sets);
  }

  /** Loads the folder if it is another than the last time, good or not. What is wrong is told in the log. */
  async look(): Promise<LoadOutcome | 'unchanged'> {
    const { folder, logger } = this.#options;
    try {
      if ((await fingerprintOf(folder)) === this.#seen) return 'unchanged';
      await this.load();
      return 'loaded';
    } catch (error) {
      const reason = messageOf(error);
      if (error instanceof PolicyFolderError) {
        // Told once, and not at every look.
        if (this.#seen === reason) return 'unchanged';
        this.#seen = reason;
      }
      logger.error('policy files are not used: what was good before goes on', { folder, error: reason });
      return 'refused';
    }
  }

  /** Looks every `everyMs` until it is closed. */
  watch(everyMs: number, onLoad: (outcome: LoadOutcome) => void): void {
    const { signal } = this.#over;
    this.#watching ??= (async () => {
      for (;;) {
        await delay(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
        if (signal.aborted) return;
        const outcome = await this.look();
        if (outcome !== 'unchanged') onLoad(outcome);
      }
    })();
  }

  /** Looks no more. */
  async close(): Promise<void> {
    this.#over.abort();
    await this.#watching;
  }
}

/** Never rejects for what is in the files. @throws Error if the thread fails or takes too long */
async function setsInThread(workerData: PolicySetsRequest): Promise<FileSets> {
  const worker = new Worker(new URL('./policy-sets-worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: LOAD_MAX_HEAP_MB },
  });
  const over = AbortSignal.timeout(POLICY_LOAD_TIMEOUT_MS);
  try {
    return await new Promise<FileSets>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the thread that reads policy ended with code ${code}`)));
      over.addEventListener('abort', () => {
        reject(new Error(`policy is not read within ${POLICY_LOAD_TIMEOUT_MS} ms: it is too large`));
      });
    });
  } finally {
    await worker.terminate();
  }
}
