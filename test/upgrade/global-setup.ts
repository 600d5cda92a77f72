import { buildImages } from '../../scripts/images/build-image.ts';
import { requireAssets } from '../../scripts/kube-assets.ts';
import tearDown from '../e2e/global-teardown.ts';
import { CHART } from '../e2e/install.ts';
import { printFigures } from '../support/figures.ts';
import { startNode } from '../support/node.ts';
import { FROM_VARIABLE, publishEnvironment } from './environment.ts';
import { oldVersion } from './old-version.ts';

/** Builds both versions and starts a node that has the images of both. */
async function setUp(): Promise<void> {
  await requireAssets(['helm', 'kubectl']);
  const from = process.env[FROM_VARIABLE];
  const started = performance.now();
  const before = await oldVersion(from === '' ? undefined : from, (line) => process.stderr.write(`    ${line}\n`));
  const oldBuilt = performance.now();
  const images = Object.values(await buildImages('upgrade'));
  const newBuilt = performance.now();
  try {
    const node = await startNode();
    for (const archive of [...before.archives, ...images.map((image) => image.archive)])
      await node.importImage(archive);
    publishEnvironment({
      kubeconfig: node.kubeconfig,
      nodeDirectory: node.directory,
      before: { tag: before.tag, chart: before.chart },
      after: { tag: 'upgrade', chart: CHART },
    });
  } catch (thrown) {
    // Jest runs no tear-down after a set-up that failed.
    await tearDown();
    throw thrown;
  }
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  printFigures('set-up', {
    from: before.tag,
    'old version': seconds(oldBuilt - started),
    'new version': seconds(newBuilt - oldBuilt),
    node: seconds(performance.now() - newBuilt),
  });
}

export { setUp as default };
