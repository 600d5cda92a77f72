import { join } from 'node:path';
import { build, cacheFolder } from './build.ts';
import { peerInProcess } from './line-process.ts';
import type { Peer } from './peer.ts';

/** Regorus from crates.io, pinned by regorus/Cargo.toml and Cargo.lock: its interpreter and its virtual machine. */
export async function regorusPeers(): Promise<readonly Peer[]> {
  const target = await cacheFolder('regorus-0.14.1');
  await build({
    command: 'cargo',
    args: ['build', '--release', '--locked', '--jobs', '1', '--target-dir', target],
    cwd: join(import.meta.dirname, 'regorus'),
    from: 'https://rustup.rs',
  });
  const program = join(target, 'release', 'edict-bench-regorus');
  return [peerInProcess('regorus', program, 'interpreter'), peerInProcess('regorus-vm', program, 'vm')];
}
