import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DIST } from './bundle.ts';
import { debianLibraries } from './debian-libraries.ts';
import { packLayer, type Architecture, type ImageLayer } from './image-archive.ts';
import { nodeBinary } from './node-binary.ts';
import type { Component } from './sbom.ts';
import type { TarEntry } from './tar.ts';

/** Where the image keeps its runtime. */
export const NODE_PATH = '/usr/bin/node';
/** The user and group that images run as: the number that distroless images use for "nonroot". */
export const RUNTIME_USER = 65_532;

/** The layer below every image, and what it is made of. */
export interface Runtime {
  readonly layer: ImageLayer;
  readonly components: readonly Component[];
  /** Node's program. */
  readonly node: string;
  /** The folder where that finds its libraries. */
  readonly sysroot: string;
}

/**
 * The layer below every image: Node and the shared libraries that it needs, names of users, and how names are looked up. It has
 * no shell, no package manager, no /tmp. Nothing in it is this machine's, so that images for any architecture are built on any.
 */
export async function runtimeLayer(architecture: Architecture): Promise<Runtime> {
  const node = await nodeBinary(architecture);
  const libraries = await debianLibraries(architecture);
  const files: TarEntry[] = [
    { path: NODE_PATH.slice(1), mode: 0o755, content: await readFile(node) },
    {
      path: 'etc/passwd',
      mode: 0o644,
      content: text(`nonroot:x:${RUNTIME_USER}:${RUNTIME_USER}:nonroot:/:/sbin/nologin\n`),
    },
    { path: 'etc/group', mode: 0o644, content: text(`nonroot:x:${RUNTIME_USER}:\n`) },
    { path: 'etc/nsswitch.conf', mode: 0o644, content: text('hosts: files dns\n') },
    ...libraries.files,
  ];
  const version = process.version.slice(1);
  return {
    layer: await cachedLayer([...directoriesOf(files), ...files], `Node ${process.version} for linux/${architecture}`),
    components: [
      { name: 'node', version, license: 'MIT', purl: `pkg:generic/node@${version}` },
      ...libraries.packages.map((one) => ({
        ...one,
        purl: `pkg:deb/debian/${encodeURIComponent(one.name)}@${encodeURIComponent(one.version)}?arch=${architecture}`,
      })),
    ],
    node,
    sysroot: libraries.sysroot,
  };
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
