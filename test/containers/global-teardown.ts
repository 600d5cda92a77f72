import { stopDocker } from '../support/docker.ts';

/** Ends the engine if the set-up started it. */
async function tearDown(): Promise<void> {
  await stopDocker();
}

export { tearDown as default };
