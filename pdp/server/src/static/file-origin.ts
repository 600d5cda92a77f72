import { join } from 'node:path';
import { generateSigningKey, unsafeBuiltinsBut } from '@edict/bundle';
import { systemClock } from '@edict/protocol';
import type { Logger } from '../observability/logger.ts';
import type { PolicyOrigin } from '../policy-origin.ts';
import { PolicySource } from './policy-source.ts';
import { loadSigningKey } from './signing-key-file.ts';
import { StaticOperator } from './static-operator.ts';

/** What {@link fileOrigin} needs to know. */
export interface FileOriginOptions {
  /** A folder, or one file. */
  readonly path: string;
  /** Whether the files are looked at again and again; else they are read once. */
  readonly watch: boolean;
  /** The folder of the PDP, where the key lies that signs what it keeps. */
  readonly dataDir: string;
  /** Network built-ins that policies may call. */
  readonly allowedBuiltins: readonly string[];
  readonly logger: Logger;
}

/** How often files that are watched are looked at. */
const WATCH_MS = 1_000;

/**
 * Policy from files, without an operator. Files that are wrong at the start are an error, unless they are watched: then they are
 * waited for.
 * @throws PolicyFilesError, PolicyFolderError, SigningKeyFileError
 */
export async function fileOrigin(options: FileOriginOptions): Promise<PolicyOrigin> {
  const { path, watch, dataDir, allowedBuiltins, logger } = options;
  const key = await loadSigningKey(join(dataDir, 'files-key.json'), generateSigningKey);
  const operator = new StaticOperator({
    key,
    clock: systemClock,
    random: () => Math.random(),
    onAbort: ({ set, n }, { reason, message }) =>
      logger.error('policy files are not served: what was good before goes on', { set, revision: n, reason, message }),
  });
  const source = new PolicySource({
    folder: path,
    unsafeBuiltins: unsafeBuiltinsBut(allowedBuiltins),
    onSets: (sets) => operator.publish(sets),
    logger,
  });
  let first: 'loaded' | 'refused' = 'loaded';
  if (!watch) await source.load();
  else if ((await source.look()) === 'refused') first = 'refused';
  return {
    dial: operator.dial,
    fetchArtifact: operator.fetch,
    trustedKeys: () => Promise.resolve(new Map([[key.keyId, key.publicKey]])),
    start: ({ policyLoads, policyRefused }) => {
      const told = (outcome: 'loaded' | 'refused'): void => {
        policyLoads.inc({ outcome });
        policyRefused.set(outcome === 'refused' ? 1 : 0);
      };
      told(first);
      if (watch) source.watch(WATCH_MS, told);
    },
    close: async () => {
      await source.close();
      operator.close();
    },
  };
}
