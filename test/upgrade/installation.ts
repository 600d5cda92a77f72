import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { load as parseYaml } from 'js-yaml';
import { requireAssets } from '../../scripts/kube-assets.ts';
import { runCommand, tryCommand } from '../../scripts/run-command.ts';
import type { Environment } from '../e2e/environment.ts';
import { FLEET_NAME } from '../e2e/fleet.ts';
import type { ClusterClient } from '../support/cluster-client.ts';
import { waitFor } from '../support/wait-for.ts';
import type { UpgradeEnvironment, Version } from './environment.ts';

/** What is upgraded at a time. */
export type Part = 'crds' | 'operator' | 'pdps';

/** An installation whose parts have versions of their own. */
export interface Installation {
  /** As the end-to-end tests know it. */
  readonly environment: Environment;
  /** Everything anew in a version: nothing of another is left, kinds included. */
  readonly install: (version: Version) => Promise<void>;
  /** Brings one part to a version, and resolves when all its pods are of it. `operator` changes what new fleets get, too. */
  readonly bring: (part: Part, version: Version, namespace: string) => Promise<void>;
  /** `helm rollback` to the revision before; resolves when the operator's pods are of it. */
  readonly rollBack: () => Promise<void>;
}

const TIMEOUT = '120s';

/** Works on the node of the environment. */
export async function createInstallation(
  cluster: ClusterClient,
  { kubeconfig, nodeDirectory, before }: UpgradeEnvironment,
): Promise<Installation> {
  const { helm } = await requireAssets(['helm']);
  const environment: Environment = {
    kubeconfig,
    nodeDirectory,
    operatorNamespace: 'edict-system',
    release: 'edict',
    imageTag: before.tag,
  };
  const { release, operatorNamespace } = environment;
  const where = ['--kubeconfig', kubeconfig, '--namespace', operatorNamespace];
  const deploy = async ({ chart, tag }: Version): Promise<void> => {
    const settings = ['--set', `operator.image.tag=${tag}`, '--set', `pdp.image.tag=${before.tag}`];
    const args = ['upgrade', '--install', release, chart, ...where, '--create-namespace', '--skip-crds', ...settings];
    await runCommand(helm, [...args, '--wait', '--timeout', TIMEOUT]);
  };
  const applyKinds = async ({ chart }: Version): Promise<void> => {
    await cluster.kubectl('apply', '--server-side', '--force-conflicts', '-f', path.join(chart, 'crds'));
    for (const name of await kindsOf(chart)) {
      await cluster.kubectl('wait', '--for=condition=Established', `crd/${name}`, '--timeout=180s');
    }
  };
  const rolledOut = async (namespace: string, deployment: string): Promise<void> => {
    await cluster.kubectl('-n', namespace, 'rollout', 'status', `deployment/${deployment}`, `--timeout=${TIMEOUT}`);
  };
  return {
    environment,
    install: async (version) => {
      await tryCommand(helm, ['uninstall', release, ...where, '--ignore-not-found', '--wait', '--timeout', TIMEOUT]);
      for (const name of await kindsOf(version.chart)) {
        await cluster.kubectl('delete', 'crd', name, '--ignore-not-found', '--timeout=180s');
      }
      for (const kind of ['secret', 'lease', 'configmap']) {
        await cluster.tryKubectl(['-n', operatorNamespace, 'delete', kind, '--all']);
      }
      await applyKinds(version);
      await deploy(version);
    },
    bring: async (part, version, namespace) => {
      switch (part) {
        case 'crds':
          await applyKinds(version);
          return;
        case 'operator':
          await deploy(version);
          return;
        case 'pdps': {
          const image = `edict-pdp:${version.tag}`;
          const patch = JSON.stringify({ spec: { image } });
          const fleet = `policydecisionpoint/${FLEET_NAME}`;
          await cluster.kubectl('-n', namespace, 'patch', fleet, '--type=merge', '-p', patch);
          await waitFor(`the Deployment of ${FLEET_NAME} to name ${image}`, async () => {
            const named = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: FLEET_NAME };
            const deployment = await cluster.get(named);
            return JSON.stringify(deployment?.spec ?? {}).includes(`"${image}"`);
          });
          await rolledOut(namespace, FLEET_NAME);
        }
      }
    },
    rollBack: async () => {
      await runCommand(helm, ['rollback', release, ...where, '--wait', '--timeout', TIMEOUT]);
      await rolledOut(operatorNamespace, `${release}-operator`);
    },
  };
}

/** Names of the CustomResourceDefinitions of a chart. */
async function kindsOf(chart: string): Promise<readonly string[]> {
  const folder = path.join(chart, 'crds');
  const texts = await Promise.all((await readdir(folder)).map((file) => readFile(path.join(folder, file), 'utf8')));
  return texts.map((text) => (parseYaml(text) as { readonly metadata: { readonly name: string } }).metadata.name);
}
