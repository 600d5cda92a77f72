import { readScriptConfig } from './config.ts';
import { startControlPlane, stopControlPlane } from '../test/support/control-plane.ts';
import { importImage } from '../test/support/container-runtime.ts';
import { NODE_DIRECTORY, startNode, stopNode } from '../test/support/node.ts';
import path from 'node:path';

/**
 * `node scripts/cluster.ts up [--metrics]|api|load ARCHIVE…|down`: the clusters of the tests, by hand. `up` (as root) is a whole
 * node, with metrics-server if asked for, `api` an API server with its controllers; both outlive this command and print the
 * kubeconfig to use. `down` ends both.
 */
const API_DIRECTORY = path.join(path.dirname(NODE_DIRECTORY), 'edict-api');

const [command, ...args] = process.argv.slice(2);
switch (command) {
  case 'up':
    process.stdout.write(
      `${(await startNode({ lifetime: 'detached', metrics: args.includes('--metrics') })).kubeconfig}\n`,
    );
    break;
  case 'api': {
    await stopControlPlane(API_DIRECTORY);
    const started = await startControlPlane({ directory: API_DIRECTORY, lifetime: 'detached', controllers: true });
    process.stdout.write(`${started.kubeconfig}\n`);
    break;
  }
  case 'load':
    for (const archive of args) await importImage(NODE_DIRECTORY, archive);
    break;
  case 'down':
    await stopControlPlane(API_DIRECTORY);
    if (readScriptConfig().isRoot) await stopNode();
    break;
  case undefined:
  default:
    process.stderr.write('usage: node scripts/cluster.ts up [--metrics] | api | load ARCHIVE... | down\n');
    process.exitCode = 2;
}
