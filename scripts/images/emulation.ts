import { readScriptConfig } from '../config.ts';
import { tryCommand } from '../run-command.ts';
import { ensureSystemPackages } from '../system-packages.ts';
import type { Architecture } from './image-archive.ts';
import { hostArchitecture } from './node-binary.ts';

const EMULATORS: Record<Architecture, string> = { amd64: 'qemu-x86_64-static', arm64: 'qemu-aarch64-static' };

/**
 * The path of the program that runs programs of that architecture on this machine; undefined where none is needed. As root on a
 * Debian machine it is installed if it is missing; anywhere else that rejects with what is to be done.
 */
export async function emulatorFor(architecture: Architecture): Promise<string | undefined> {
  if (architecture === hostArchitecture()) return undefined;
  const name = EMULATORS[architecture];
  const find = async (): Promise<string> => (await tryCommand('which', [name])).stdout.trim();
  const found = await find();
  if (found !== '') return found;
  if (!readScriptConfig().isRoot) throw new Error(`${name} is missing: install Debian's package qemu-user-static`);
  await ensureSystemPackages(['qemu-user-static'], (line) => process.stderr.write(`${line}\n`));
  return await find();
}
