import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { readScriptConfig } from '../../scripts/config.ts';
import { DIST } from '../../scripts/images/bundle.ts';
import { NODE_DIRECTORY, stopNode } from '../support/node.ts';

/** Logs of the last run: `pods/<namespace>_<pod>_<uid>/<container>/*.log`, and one file per program of the node. */
const LOG_DIRECTORY = path.join(DIST, 'logs/e2e');

/** Keeps the logs and removes the node, unless EDICT_KEEP_CLUSTERS asks to leave it (its programs end with this process). */
async function tearDown(): Promise<void> {
  await rm(LOG_DIRECTORY, { recursive: true, force: true });
  for (const [from, to] of [
    ['pod-logs', 'pods'],
    ['logs', 'node'],
  ] as const) {
    // Absent when the set-up failed before the node was there.
    await cp(path.join(NODE_DIRECTORY, from), path.join(LOG_DIRECTORY, to), { recursive: true }).catch(() => undefined);
  }
  process.stderr.write(`    logs: ${LOG_DIRECTORY}\n`);
  if (readScriptConfig().keepClusters) process.stderr.write(`    kept: ${NODE_DIRECTORY}\n`);
  else await stopNode();
}

export { tearDown as default };
