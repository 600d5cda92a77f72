import { buildImages } from '../../scripts/images/build-image.ts';
import { startDocker, stopDocker } from '../support/docker.ts';
import { printFigures } from '../support/figures.ts';

/** Finds or starts a Docker engine and gives it the images. */
async function setUp(): Promise<void> {
  try {
    await prepare();
  } catch (thrown) {
    // Jest runs no tear-down after a set-up that failed.
    await stopDocker();
    throw thrown;
  }
}

async function prepare(): Promise<void> {
  const started = performance.now();
  const engine = await startDocker();
  const images = await buildImages('containers');
  for (const image of Object.values(images)) await engine.load(image.archive);
  // testcontainers reads these. Its clean-up container would have to be pulled; the engine here is ours to clean up.
  process.env['DOCKER_HOST'] = engine.host;
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  const size = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
  printFigures('set-up', {
    took: `${((performance.now() - started) / 1000).toFixed(1)} s`,
    ...Object.fromEntries(Object.values(images).map(({ name, archiveSize }) => [name, size(archiveSize)])),
  });
}

export { setUp as default };
