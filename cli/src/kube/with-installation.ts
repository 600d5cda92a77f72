import { createKubeClient } from '@edict/operator/kube';
import type { Installation } from '../doctor/installation.ts';
import { CommandError } from '../io.ts';
import { gatherInstallation, type GatherOptions } from './gather-installation.ts';
import { configOf } from './kube-fleet.ts';

/** Connects to the cluster that the user means for as long as `work` takes. Throws `CommandError` when there is none. */
export async function withInstallation(
  where: { readonly kubeconfig?: string; readonly context?: string },
  options: GatherOptions,
  work: (gather: () => Promise<Installation>) => Promise<void>,
): Promise<void> {
  const config = configOf(where);
  // Without a kubeconfig the client's own default is a port of this machine, in clear text.
  if (config.getCurrentCluster()?.server.startsWith('https:') !== true) {
    throw new CommandError('no cluster is configured: name a kubeconfig with --kubeconfig or KUBECONFIG');
  }
  const client = createKubeClient({ config });
  try {
    await work(async () => await gatherInstallation(client, options));
  } finally {
    client.close();
  }
}
