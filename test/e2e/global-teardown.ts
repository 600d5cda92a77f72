import { readScriptConfig } from '../../scripts/config.ts';
import { NODE_DIRECTORY, stopNode } from '../support/node.ts';

/** Removes the node, unless EDICT_KEEP_CLUSTERS asks to leave its logs (its programs end with this process all the same). */
async function tearDown(): Promise<void> {
  if (readScriptConfig().keepClusters) process.stderr.write(`kept: ${NODE_DIRECTORY}\n`);
  else await stopNode();
}

export { tearDown as default };
