/** Where the set-up tells the tests of its control plane. */
export const KUBECONFIG_VARIABLE = 'EDICT_INTEGRATION_KUBECONFIG';
export const DIRECTORY_VARIABLE = 'EDICT_INTEGRATION_DIRECTORY';

/** Kubeconfig of the control plane that all files share. Throws outside of a run with the set-up. */
export function sharedKubeconfig(): string {
  const kubeconfig = process.env[KUBECONFIG_VARIABLE];
  if (kubeconfig === undefined)
    throw new Error(`${KUBECONFIG_VARIABLE} is not set: run jest with this folder's config`);
  return kubeconfig;
}
