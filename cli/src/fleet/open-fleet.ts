import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { LOCAL_SERVER, type Fleet, type FleetOptions } from './fleet.ts';
import { createLocalFleet } from './local-fleet.ts';

/**
 * The Edict that the user means: the all-in-one when `--server` or EDICT_SERVER names it or no kubeconfig is there, else the
 * cluster of the kubeconfig. The Kubernetes client is loaded only when it is needed.
 */
export async function openFleet(
  options: FleetOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Fleet> {
  const server = options.server ?? env['EDICT_SERVER'];
  const hasKubeconfig =
    options.kubeconfig !== undefined ||
    env['KUBECONFIG'] !== undefined ||
    env['KUBERNETES_SERVICE_HOST'] !== undefined ||
    existsSync(join(homedir(), '.kube', 'config'));
  if (server !== undefined || !hasKubeconfig) {
    return createLocalFleet(server ?? LOCAL_SERVER, options.namespace ?? 'default');
  }
  const { createKubeFleet } = await import('../kube/kube-fleet.ts');
  return createKubeFleet(options);
}
