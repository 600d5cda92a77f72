import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from '../run-command.ts';
import { DIST } from './bundle.ts';
import type { Architecture } from './image-archive.ts';
import type { TarEntry } from './tar.ts';

/** A Debian package whose files are in an image. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** The libraries that Node needs, with where they come from. */
export interface Libraries {
  readonly files: readonly TarEntry[];
  readonly packages: readonly DebianPackage[];
  /** A folder that has them where programs look for them: for who runs programs of another architecture. */
  readonly sysroot: string;
}

const PACKAGES: readonly Omit<DebianPackage, 'version'>[] = [
  { name: 'libc6', license: 'LGPL-2.1-or-later' },
  { name: 'libgcc-s1', license: 'GPL-3.0-or-later WITH GCC-exception-3.1' },
  { name: 'libstdc++6', license: 'GPL-3.0-or-later WITH GCC-exception-3.1' },
  { name: 'libatomic1', license: 'GPL-3.0-or-later WITH GCC-exception-3.1' },
];

/** What Node's program names as needed, and nothing else of the packages. */
const LIBRARIES = [
  'libatomic.so.1',
  'libc.so.6',
  'libdl.so.2',
  'libgcc_s.so.1',
  'libm.so.6',
  'libpthread.so.0',
  'libstdc++.so.6',
] as const;

const PLACES: Record<Architecture, { readonly triplet: string; readonly loader: string }> = {
  amd64: { triplet: 'x86_64-linux-gnu', loader: 'lib64/ld-linux-x86-64.so.2' },
  arm64: { triplet: 'aarch64-linux-gnu', loader: 'lib/ld-linux-aarch64.so.1' },
};

/**
 * The shared libraries that Node needs, out of Debian's packages for that architecture: those that this machine's package
 * sources have now. They are downloaded once and kept; nothing is installed. Rejects on a machine without apt.
 */
export async function debianLibraries(architecture: Architecture): Promise<Libraries> {
  const folder = path.join(DIST, 'debian', architecture);
  const kept = await archivesIn(folder);
  const archives = kept.length === PACKAGES.length ? kept : await download(architecture, folder);
  const sysroot = path.join(folder, 'sysroot');
  await rm(sysroot, { recursive: true, force: true });
  await mkdir(sysroot, { recursive: true });
  for (const archive of archives) await runCommand('dpkg-deb', ['-x', archive, sysroot]);
  const packages = await Promise.all(
    archives.map(async (archive) => {
      const [name = '', version = ''] = (
        await runCommand('dpkg-deb', ['-W', '--showformat=${Package}\n${Version}\n', archive])
      ).split('\n');
      const license = PACKAGES.find((one) => one.name === name)?.license ?? 'NOASSERTION';
      return { name, version, license };
    }),
  );
  const { triplet, loader } = PLACES[architecture];
  const files = [
    await libraryFile(sysroot, loader, [loader, `usr/${loader}`, `lib/${triplet}/${path.basename(loader)}`]),
  ];
  for (const name of LIBRARIES) {
    const target = `lib/${triplet}/${name}`;
    files.push(await libraryFile(sysroot, target, [target, `usr/${target}`]));
  }
  return { files, packages, sysroot };
}

/** Stored as a plain file under the name that the loader asks for; links between versions would serve nobody here. */
async function libraryFile(sysroot: string, target: string, places: readonly string[]): Promise<TarEntry> {
  for (const place of places) {
    try {
      return { path: target, mode: 0o755, content: await readFile(path.join(sysroot, place)) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`Debian's packages ${PACKAGES.map(({ name }) => name).join(', ')} have no ${target} any more`);
}

/** Package lists of their own for apt, so that neither this machine's architecture nor what it has installed matters. */
async function download(architecture: Architecture, folder: string): Promise<readonly string[]> {
  await rm(folder, { recursive: true, force: true });
  const [state, cache] = [path.join(folder, 'apt/state'), path.join(folder, 'apt/cache')];
  for (const part of [path.join(state, 'lists/partial'), path.join(cache, 'archives/partial')]) {
    await mkdir(part, { recursive: true });
  }
  const options = [
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    `APT::Sandbox::User=`,
    `Dir::State=${state}`,
    'Dir::State::status=/dev/null',
    `Dir::Cache=${cache}`,
  ].flatMap((option) => ['-o', option]);
  try {
    await runCommand('apt-get', [...options, '-q', 'update']);
    await runCommand('apt-get', [...options, '-q', 'download', ...PACKAGES.map(({ name }) => name)], { cwd: folder });
  } catch (cause) {
    throw new Error(
      `Debian's packages for ${architecture} cannot be had: images are built on a machine with apt and its package sources`,
      { cause },
    );
  }
  await rm(path.join(folder, 'apt'), { recursive: true });
  return await archivesIn(folder);
}

async function archivesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => name.endsWith('.deb'))
    .sort()
    .map((name) => path.join(folder, name));
}
