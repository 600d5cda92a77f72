import { stopControlPlane } from '../support/control-plane.ts';
import { DIRECTORY_VARIABLE } from './environment.ts';

async function tearDown(): Promise<void> {
  const directory = process.env[DIRECTORY_VARIABLE];
  if (directory !== undefined) await stopControlPlane(directory);
}

export { tearDown as default };
