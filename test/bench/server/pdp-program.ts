import { join } from 'node:path';
import { bundleProgram, BUNDLES, variablesOf } from '../../../scripts/images/bundle.ts';
import type { DiskPdpOptions } from '../../support/pdp-from-disk.ts';

/** How the PDP is run: bundled, as its image does, or from source, which costs time at the start and memory. */
export async function pdpProgram(fromSource: boolean): Promise<Pick<DiskPdpOptions, 'main' | 'nodeArgs' | 'env'>> {
  if (fromSource) return {};
  const spec = BUNDLES.find(({ name }) => name === 'pdp');
  if (spec === undefined) throw new Error('no bundle is named pdp');
  const { directory } = await bundleProgram(spec);
  return { main: join(directory, 'main.js'), nodeArgs: spec.flags, env: variablesOf(spec, directory) };
}
