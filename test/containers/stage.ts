import { createWriteStream } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { loadAll } from 'js-yaml';
import { Wait, type StartedTestContainer } from 'testcontainers';
import { readScriptConfig } from '../../scripts/config.ts';
import { DIST } from '../../scripts/images/bundle.ts';
import { CHART, runHelm } from '../e2e/install.ts';
import { createClusterClient, type AnyObject, type ClusterClient } from '../support/cluster-client.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { hostAddressOf } from '../support/docker.ts';
import { waitFor } from '../support/wait-for.ts';
import { environmentOf, mountsOf, type PodSpec, type StoredPod } from './pod-files.ts';
import { ReadOnlyContainer } from './read-only-container.ts';

/** An API server on this machine, the operator's image in a container, and PDPs in more of them, wired as the chart wires them. */
export interface Stage {
  readonly cluster: ClusterClient;
  /** The Docker engine. */
  readonly dockerHost: string;
  readonly operator: StartedTestContainer;
  /** Starts a PDP of the fleet that the operator made for PolicyDecisionPoint `main` of the namespace. */
  readonly startPdp: (namespace: string, name: string) => Promise<StartedTestContainer>;
  readonly stop: () => Promise<void>;
}

const SYSTEM = 'edict-system';
const ACCOUNT_FILES = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Output of the containers, one file each, of the last run. */
export const LOG_DIRECTORY = path.join(DIST, 'logs/containers');
/** Port on which the operator serves its health. */
export const OPERATOR_HEALTH_PORT = 8080;
/** Port on which a PDP serves decisions and its health. */
export const PDP_PORT = 8181;

/** Starts API server and operator, and resolves when the operator says it is ready. */
export async function startStage(): Promise<Stage> {
  const { dockerHost } = readScriptConfig();
  if (dockerHost === undefined) throw new Error('no Docker engine: the set-up of these tests has not run');
  await rm(LOG_DIRECTORY, { recursive: true, force: true });
  await mkdir(LOG_DIRECTORY, { recursive: true });
  const controlPlane = await startControlPlane({ address: await hostAddressOf(dockerHost) });
  const cluster = await createClusterClient(controlPlane.kubeconfig);
  const containers: StartedTestContainer[] = [];
  const stop = async (): Promise<void> => {
    for (const container of containers.reverse()) await container.stop({ timeout: 1_000 });
    await controlPlane.stop();
  };
  try {
    const deployment = await applyChart(cluster);
    const operator = await startOperator(cluster, controlPlane, deployment);
    containers.push(operator);
    return {
      cluster,
      dockerHost,
      operator,
      startPdp: async (namespace, name) => {
        const files = path.join(controlPlane.directory, 'pods', name);
        const pdp = await startPdp(cluster, operator, namespace, name, files);
        containers.push(pdp);
        return pdp;
      },
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

interface Deployment extends AnyObject {
  readonly kind: string;
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
      readonly spec: PodSpec;
    };
  };
}

/** Applies all of the chart but what needs a node (its Deployment, returned) or a Service that leads somewhere (its webhook). */
async function applyChart(cluster: ClusterClient): Promise<Deployment> {
  const settings = ['--set', 'operator.image.tag=containers,pdp.image.tag=containers'];
  const version = ['--kube-version', '1.34.4'];
  const text = await runHelm([
    'template',
    'edict',
    CHART,
    '--namespace',
    SYSTEM,
    '--include-crds',
    '--skip-tests',
    ...version,
    ...settings,
  ]);
  const objects = loadAll(text).filter(
    (document): document is Deployment => document !== null && document !== undefined,
  );
  const isLeftOut = ({ kind }: Deployment): boolean =>
    kind === 'Deployment' || kind === 'ValidatingWebhookConfiguration';
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM } });
  await cluster.apply(...objects.filter((object) => !isLeftOut(object)));
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  if (deployment === undefined) throw new Error('the chart has no Deployment');
  return deployment;
}

async function startOperator(
  cluster: ClusterClient,
  controlPlane: { readonly server: string; readonly directory: string },
  { spec }: Deployment,
): Promise<StartedTestContainer> {
  const account = spec.template.spec.serviceAccountName ?? '';
  // Below the control plane's state, which goes when it stops.
  const files = path.join(controlPlane.directory, 'operator-account');
  await mkdir(files);
  await writeFile(path.join(files, 'token'), (await cluster.kubectl('-n', SYSTEM, 'create', 'token', account)).trim());
  await writeFile(path.join(files, 'namespace'), SYSTEM);
  await copyFile(path.join(controlPlane.directory, 'pki/ca.crt'), path.join(files, 'ca.crt'));
  const server = new URL(controlPlane.server);
  const pod: StoredPod = {
    metadata: { name: 'edict-operator-0', namespace: SYSTEM, uid: '00000000-0000-4000-8000-000000000000' },
    spec: spec.template.spec,
  };
  return new ReadOnlyContainer('edict-operator:containers')
    .withEnvironment({
      ...environmentOf(pod),
      // Its address is not known before it runs; PDPs resolve the name of its Service to it.
      EDICT_OPERATOR_POD_IP: `${environmentOf(pod)['EDICT_OPERATOR_DISTRIBUTION_SERVICE'] ?? ''}.${SYSTEM}.svc`,
      KUBERNETES_SERVICE_HOST: server.hostname,
      KUBERNETES_SERVICE_PORT: server.port,
    })
    .withBindMounts([{ source: files, target: ACCOUNT_FILES, mode: 'ro' }])
    .withExposedPorts(OPERATOR_HEALTH_PORT)
    .withWaitStrategy(Wait.forHttp('/readyz', OPERATOR_HEALTH_PORT).forStatusCode(200))
    .withStartupTimeout(60_000)
    .withLogConsumer(keepLog(path.join(LOG_DIRECTORY, 'operator.log')))
    .start();
}

async function startPdp(
  cluster: ClusterClient,
  operator: StartedTestContainer,
  namespace: string,
  name: string,
  files: string,
): Promise<StartedTestContainer> {
  const deployment = await waitFor('the operator to make the Deployment', () =>
    cluster.get<Deployment>({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: 'main' }),
  );
  const { metadata, spec } = deployment.spec.template;
  // The pod exists for the API server only: the operator looks up there who a token belongs to.
  await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: metadata.labels }, spec });
  const pod = await cluster.get<StoredPod>({ apiVersion: 'v1', kind: 'Pod', namespace, name });
  if (pod === undefined) throw new Error(`pod ${name} was not stored`);
  const environment = environmentOf({ ...pod, spec });
  const operatorName = (environment['EDICT_PDP_OPERATOR_ADDRESS'] ?? '').replace(/:\d+$/, '');
  const mounts = await mountsOf(cluster, { ...pod, spec }, files);
  const container = await new ReadOnlyContainer('edict-pdp:containers')
    .withEnvironment(environment)
    .withBindMounts([...mounts])
    .withExtraHosts([{ host: operatorName, ipAddress: operator.getIpAddress('bridge') }])
    .withExposedPorts(PDP_PORT)
    .withWaitStrategy(Wait.forHttp('/healthz', PDP_PORT).forStatusCode(200))
    .withStartupTimeout(60_000)
    .withLogConsumer(keepLog(path.join(LOG_DIRECTORY, `${name}.log`)))
    .start();
  // What the kubelet would report: no rollout waits for a pod that does not run.
  const running = JSON.stringify({ status: { phase: 'Running' } });
  await cluster.kubectl('-n', namespace, 'patch', 'pod', name, '--subresource=status', '--type=merge', '-p', running);
  return container;
}

/** Where the output of every container goes, for reading after a failure. */
function keepLog(file: string): (stream: Readable) => void {
  return (stream) => {
    stream.pipe(createWriteStream(file, { flags: 'a' }));
  };
}

/** `http://host:port` of a port of a container. */
export function urlOf(container: StartedTestContainer, port: number): string {
  return `http://${container.getHost()}:${container.getMappedPort(port)}`;
}
