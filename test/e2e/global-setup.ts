import { buildImages } from '../../scripts/images/build-image.ts';
import { requireAssets } from '../../scripts/kube-assets.ts';
import { printFigures } from '../support/figures.ts';
import { startNode } from '../support/node.ts';
import tearDown from './global-teardown.ts';
import { publishEnvironment, type Environment } from './environment.ts';
import { installChart } from './install.ts';

/** Starts the node, builds the images into it, and installs the chart: once for all files. */
async function setUp(): Promise<void> {
  await requireAssets(['helm', 'kubectl']);
  try {
    await prepare();
  } catch (thrown) {
    // Jest runs no tear-down after a set-up that failed.
    await tearDown();
    throw thrown;
  }
}

async function prepare(): Promise<void> {
  const imagesStarted = performance.now();
  const images = Object.values(await buildImages('e2e'));
  const nodeStarted = performance.now();
  const node = await startNode();
  const importStarted = performance.now();
  for (const image of images) await node.importImage(image.archive);
  const environment: Environment = {
    kubeconfig: node.kubeconfig,
    nodeDirectory: node.directory,
    operatorNamespace: 'edict-system',
    release: 'edict',
    imageTag: 'e2e',
  };
  publishEnvironment(environment);
  const installStarted = performance.now();
  await installChart(environment);
  const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(1)} s`;
  printFigures('set-up', {
    images: seconds(imagesStarted, nodeStarted),
    node: seconds(nodeStarted, importStarted),
    import: seconds(importStarted, installStarted),
    chart: seconds(installStarted, performance.now()),
  });
}

export { setUp as default };
