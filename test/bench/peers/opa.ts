import { join } from 'node:path';
import { build, cacheFolder } from './build.ts';
import { peerInProcess } from './line-process.ts';
import type { Peer } from './peer.ts';

const built: { program?: Promise<string> } = {};

/** Builds OPA from its Go module, pinned by opa/go.mod and go.sum, once in a run; answers with the program's path. */
export function buildOpa(): Promise<string> {
  return (built.program ??= buildProgram());
}

async function buildProgram(): Promise<string> {
  const program = join(await cacheFolder('opa-1.22.0'), 'opa');
  await build({
    command: 'go',
    args: ['build', '-v', '-p', '1', '-mod=readonly', '-trimpath', '-buildvcs=false', '-o', program, '.'],
    cwd: join(import.meta.dirname, 'opa'),
    from: 'https://go.dev/dl',
  });
  return program;
}

/** OPA's Go library, with data as it keeps them by default, and as `--optimize-store-for-read-speed` does. */
export async function opaPeers(): Promise<readonly Peer[]> {
  const program = await buildOpa();
  return [peerInProcess('opa', program, 'plain'), peerInProcess('opa-read-speed', program, 'ast')];
}
