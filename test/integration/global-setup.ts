import { requireAssets } from '../../scripts/kube-assets.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { DIRECTORY_VARIABLE, KUBECONFIG_VARIABLE } from './environment.ts';

/** One control plane for the files that only need an API: they keep apart by namespaces. */
async function setUp(): Promise<void> {
  // A first build takes minutes: it is in no test's time-out.
  await requireAssets(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl']);
  const plane = await startControlPlane({ controllers: true });
  process.env[KUBECONFIG_VARIABLE] = plane.kubeconfig;
  process.env[DIRECTORY_VARIABLE] = plane.directory;
}

export { setUp as default };
