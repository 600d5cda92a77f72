import path from 'node:path';
import { requireAssets } from '../../scripts/kube-assets.ts';
import { runCommand, tryCommand } from '../../scripts/run-command.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Environment } from './environment.ts';
import { EDICT } from './objects.ts';

/** The chart, as committed. */
export const CHART = path.resolve(import.meta.dirname, '../../helm');

/**
 * Installs or upgrades the release and waits until the operator is ready; rejects with what its pods say when it is not. As
 * `strings`, values that look like numbers stay texts.
 */
export async function installChart(
  environment: Environment,
  values: Readonly<Record<string, string>> = {},
  as: 'values' | 'strings' = 'values',
): Promise<void> {
  const { helm } = await requireAssets(['helm']);
  const { release, operatorNamespace, imageTag, kubeconfig } = environment;
  const all = {
    'operator.image.tag': imageTag,
    'pdp.image.tag': imageTag,
    ...values,
  };
  const settings = Object.entries(all).flatMap(([name, value]) => [
    as === 'strings' ? '--set-string' : '--set',
    `${name}=${value}`,
  ]);
  const where = ['--kubeconfig', kubeconfig, '--namespace', operatorNamespace, '--create-namespace'];
  try {
    await runCommand(helm, [
      'upgrade',
      '--install',
      release,
      CHART,
      ...where,
      ...settings,
      '--wait',
      '--timeout',
      '180s',
    ]);
  } catch (cause) {
    throw new Error(`the chart did not install:\n${await operatorState(environment)}`, { cause });
  }
  await untilServing(environment);
}

/** Helm is content with one new replica: waits for all, for the old ones to be gone, and for the webhook to be reached. */
async function untilServing({ release, kubeconfig, operatorNamespace }: Environment): Promise<void> {
  const { kubectl } = await requireAssets(['kubectl']);
  const run = (args: readonly string[], input?: string): Promise<string> =>
    runCommand(kubectl, ['--kubeconfig', kubeconfig, ...args], input === undefined ? {} : { input });
  const inNamespace = ['-n', operatorNamespace];
  await run([...inNamespace, 'rollout', 'status', `deployment/${release}-operator`, '--timeout=180s']);
  await waitFor('the replicas of before to be gone', async () => {
    const ending = '{.items[?(@.metadata.deletionTimestamp)].metadata.name}';
    return (await run([...inNamespace, 'get', 'pods', '-o', `jsonpath=${ending}`])) === '';
  });
  const set = { apiVersion: EDICT, kind: 'PolicySet', metadata: { name: 'probe', namespace: 'default' } };
  const probe = JSON.stringify({ ...set, spec: { domains: { selector: {} } } });
  await waitFor('the webhook to answer', () => run(['apply', '--dry-run=server', '-f', '-'], probe).then(() => true));
}

/** Pods and last log lines of the operator, for the message of a failure. */
async function operatorState({ kubeconfig, operatorNamespace }: Environment): Promise<string> {
  const { kubectl } = await requireAssets(['kubectl']);
  const said = await Promise.all(
    [
      ['get', 'pods', '-o', 'wide'],
      ['logs', '-l', 'app.kubernetes.io/component=operator', '--tail=30', '--prefix'],
      ['logs', '-l', 'app.kubernetes.io/component=operator', '--tail=30', '--prefix', '--previous'],
      ['get', 'events', '--sort-by=.lastTimestamp'],
    ].map((args) => tryCommand(kubectl, ['--kubeconfig', kubeconfig, '-n', operatorNamespace, ...args])),
  );
  return said.map(({ stdout, stderr }) => stdout + stderr).join('\n');
}

/** The output of `helm` with the chart, for the tests of the chart itself. */
export async function runHelm(args: readonly string[]): Promise<string> {
  const { helm } = await requireAssets(['helm']);
  return runCommand(helm, args);
}
