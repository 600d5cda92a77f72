import { spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, chown } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readScriptConfig } from '../config.ts';
import { runCommand } from '../run-command.ts';
import { emulatorFor } from './emulation.ts';
import type { Architecture } from './image-archive.ts';
import { RUNTIME_USER } from './runtime-layer.ts';

/** How long an image may take until it answers: an emulated one compiles everything on one thread. */
const START_TIMEOUT_MS = 180_000;

/** An image in an archive, for one architecture. */
export interface ArchivedImage {
  /** As `writeImageArchive` writes it. */
  readonly archive: string;
  readonly architecture: Architecture;
}

/** What was seen of a started image. */
export interface StartedImage {
  /** From its start until it was ready. */
  readonly readyMs: number;
  readonly answer: string;
}

/**
 * Starts the PDP of an image with the policy of `policyFile` in a root folder that holds nothing but the image, as the user that
 * it names, emulated where the architecture is not this machine's, and asks it for a decision. Needs root.
 */
export async function startPdpImage(
  image: ArchivedImage,
  policyFile: string,
  question: { readonly path: string; readonly body: string },
): Promise<StartedImage> {
  return await inImage(image, async ({ root, config, command }) => {
    await mkdir(path.join(root, 'policy'));
    await copyFile(policyFile, path.join(root, 'policy/policy.yaml'));
    await mkdir(path.join(root, 'data'));
    await chown(path.join(root, 'data'), RUNTIME_USER, RUNTIME_USER);
    const port = await freePort();
    const startedAt = performance.now();
    const child = spawn('chroot', [`--userspec=${config.User}`, root, ...command], {
      env: {
        ...environmentOf(config),
        EDICT_PDP_LISTEN_HOST: '127.0.0.1',
        EDICT_PDP_LISTEN_PORT: String(port),
        EDICT_PDP_POLICY_PATH: '/policy',
        EDICT_PDP_DATA_DIR: '/data',
        EDICT_PDP_DRAIN_DELAY_MS: '0',
        EDICT_PDP_COMPILE_TIMEOUT_MS: String(START_TIMEOUT_MS),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    const exited = once(child, 'exit');
    try {
      const url = `http://127.0.0.1:${port}`;
      while (!(await isReady(url))) {
        if (child.exitCode !== null) throw new Error(`the image has ended: ${output}`);
        if (performance.now() - startedAt > START_TIMEOUT_MS) throw new Error(`the image is not ready: ${output}`);
        await delay(20);
      }
      const readyMs = performance.now() - startedAt;
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(url + question.path, { method: 'POST', headers, body: question.body });
      return { readyMs, answer: `${response.status} ${(await response.text()).trim()}` };
    } finally {
      child.kill('SIGTERM');
      await exited;
    }
  });
}

/** Runs the program of an image with `--help` in the same way; resolves with what it printed. */
export async function helpOfImage(image: ArchivedImage): Promise<string> {
  return await inImage(image, async ({ root, config, command }) => {
    const args = [`--userspec=${config.User}`, root, ...command, '--help'];
    return await runCommand('chroot', args, { env: environmentOf(config) });
  });
}

interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
}

interface Unpacked {
  readonly root: string;
  readonly config: ImageConfig;
  /** What is run below that root. */
  readonly command: readonly string[];
}

async function inImage<T>(
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

/** What the image says, and where `chroot` itself is found. */
function environmentOf({ Env }: ImageConfig): Readonly<Record<string, string>> {
  const own = Env.map((text): readonly [string, string] => {
    const at = text.indexOf('=');
    return [text.slice(0, at), text.slice(at + 1)];
  });
  return { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...Object.fromEntries(own) };
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

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false; // nobody listens yet
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
