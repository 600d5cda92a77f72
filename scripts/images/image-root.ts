import { copyFile, mkdir, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readScriptConfig } from '../config.ts';
import { runCommand } from '../run-command.ts';
import { emulatorFor } from './emulation.ts';
import type { Architecture } from './image-archive.ts';

/** An image in an archive, for one architecture. */
export interface ArchivedImage {
  /** As `writeImageArchive` writes it. */
  readonly archive: string;
  readonly architecture: Architecture;
}

/** What an image says of how it is run. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
}

/** An image that lies in a folder as its root. */
export interface Unpacked {
  readonly root: string;
  readonly config: ImageConfig;
  /** What is run below that root. */
  readonly command: readonly string[];
}

/**
 * Does `work` while the image lies in a root folder that holds nothing else but `/proc` and, where the architecture is not this
 * machine's, what emulates it. Needs root.
 */
export async function inImage<T>(
  { archive, architecture }: ArchivedImage,
  work: (unpacked: Unpacked) => Promise<T>,
): Promise<T> {
  if (!readScriptConfig().isRoot) throw new Error('images are started below a root of their own, which needs root');
  const folder = await mkdtemp(path.join(tmpdir(), 'edict-image-'));
  try {
    const layout = path.join(folder, 'layout');
    const root = path.join(folder, 'root');
    await mkdir(layout);
    await mkdir(root, { mode: 0o755 });
    await runCommand('chmod', ['755', folder]);
    await runCommand('tar', ['-xf', archive, '-C', layout]);
    const { config, layers } = await manifestOf(layout, architecture);
    for (const layer of layers) await runCommand('tar', ['-xzf', layer, '-C', root]);
    const emulator = await emulatorFor(architecture);
    if (emulator !== undefined) await copyFile(emulator, path.join(root, 'emulator'));
    const command = [...(emulator === undefined ? [] : ['/emulator']), ...config.Entrypoint];
    return await withProc(root, async () => await work({ root, config, command }));
  } finally {
    // Files of another file system that could not be taken away again are never gone through.
    await runCommand('rm', ['-rf', '--one-file-system', folder]);
  }
}

/** Every container has /proc; Node reads from it what memory it uses. */
async function withProc<T>(root: string, work: () => Promise<T>): Promise<T> {
  const proc = path.join(root, 'proc');
  await mkdir(proc);
  await runCommand('mount', ['-t', 'proc', 'proc', proc]);
  try {
    return await work();
  } finally {
    await runCommand('umount', [proc]);
  }
}

interface Descriptor {
  readonly digest: string;
  readonly mediaType: string;
  readonly platform?: { readonly architecture: string };
}

async function manifestOf(layout: string, architecture: Architecture) {
  const blob = (digest: string): string => path.join(layout, 'blobs', digest.replace(':', '/'));
  const read = async <T>(file: string): Promise<T> => JSON.parse(await readFile(file, 'utf8')) as T;
  let { manifests } = await read<{ readonly manifests: readonly Descriptor[] }>(path.join(layout, 'index.json'));
  const [nested] = manifests;
  if (nested?.mediaType.includes('image.index') === true)
    ({ manifests } = await read<{ readonly manifests: readonly Descriptor[] }>(blob(nested.digest)));
  const found = manifests.find(({ platform }) => platform?.architecture === architecture);
  if (found === undefined) throw new Error(`the archive has no image for ${architecture}`);
  const manifest = await read<{ readonly config: Descriptor; readonly layers: readonly Descriptor[] }>(
    blob(found.digest),
  );
  const { config } = await read<{ readonly config: ImageConfig }>(blob(manifest.config.digest));
  return { config, layers: manifest.layers.map(({ digest }) => blob(digest)) };
}
