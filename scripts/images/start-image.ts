import { spawn } from 'node:child_process';
import { copyFile, mkdir, chown, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { request } from 'node:https';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { trustBundle } from '../../operator/src/certificates/plan.ts';
import { settleCertificates } from '../../operator/src/certificates/rotate.ts';
import { runCommand } from '../run-command.ts';
import { inImage, type ArchivedImage, type ImageConfig, type Unpacked } from './image-root.ts';
import { RUNTIME_USER } from './runtime-layer.ts';

/** How long an image may take until it answers: an emulated one compiles everything on one thread. */
const START_TIMEOUT_MS = 180_000;

/** What was seen of a started image. */
export interface StartedImage {
  /** From its start until it was ready. */
  readonly readyMs: number;
  readonly answer: string;
}

/** A request that a started image is asked. */
export interface Question {
  readonly path: string;
  /** JSON. */
  readonly body: string;
}

/**
 * Starts the PDP of an image with the policy of `policyFile` in a root folder that holds nothing but the image, as the user that
 * it names, emulated where the architecture is not this machine's, and asks it for a decision. Needs root.
 */
export async function startPdpImage(
  image: ArchivedImage,
  policyFile: string,
  question: Question,
): Promise<StartedImage> {
  return await inImage(image, async (unpacked) => {
    const { root, command } = unpacked;
    await mkdir(path.join(root, 'policy'));
    await copyFile(policyFile, path.join(root, 'policy/policy.yaml'));
    await mkdir(path.join(root, 'data'));
    await chown(path.join(root, 'data'), RUNTIME_USER, RUNTIME_USER);
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    return await startProgram(unpacked, {
      command,
      env: {
        EDICT_PDP_LISTEN_HOST: '127.0.0.1',
        EDICT_PDP_LISTEN_PORT: String(port),
        EDICT_PDP_POLICY_PATH: '/policy',
        EDICT_PDP_DATA_DIR: '/data',
        EDICT_PDP_DRAIN_DELAY_MS: '0',
        EDICT_PDP_COMPILE_TIMEOUT_MS: String(START_TIMEOUT_MS),
      },
      url,
      ask: async () => {
        const headers = { 'content-type': 'application/json' };
        const response = await fetch(url + question.path, { method: 'POST', headers, body: question.body });
        return `${response.status} ${(await response.text()).trim()}`;
      },
    });
  });
}

/** Starts the conversion webhook of an operator's image in the same way, with a certificate of its own, and asks it by TLS. */
export async function startConversionImage(image: ArchivedImage, question: Question): Promise<StartedImage> {
  return await inImage(image, async (unpacked) => {
    const { root, command } = unpacked;
    const certificates = await settleCertificates(undefined, ['localhost'], Date.now());
    const folder = path.join(root, 'certificate');
    await mkdir(folder);
    await writeFile(path.join(folder, 'tls.crt'), certificates.serving.certificate);
    await writeFile(path.join(folder, 'tls.key'), certificates.serving.privateKey, { mode: 0o600 });
    await chown(path.join(folder, 'tls.key'), RUNTIME_USER, RUNTIME_USER);
    const [port, httpPort] = [await freePort(), await freePort()];
    return await startProgram(unpacked, {
      command: [...command.slice(0, -1), '/app/conversion.js'],
      env: {
        EDICT_CONVERSION_CERTIFICATE_DIR: '/certificate',
        EDICT_CONVERSION_LISTEN_HOST: '127.0.0.1',
        EDICT_CONVERSION_PORT: String(port),
        EDICT_CONVERSION_HTTP_PORT: String(httpPort),
        EDICT_CONVERSION_DRAIN_MS: '0',
      },
      url: `http://127.0.0.1:${httpPort}`,
      ask: () => askByTls(port, trustBundle(certificates), question),
    });
  });
}

/** Runs the program of an image with `--help` in the same way; resolves with what it printed. */
export async function helpOfImage(image: ArchivedImage): Promise<string> {
  return await inImage(image, async ({ root, config, command }) => {
    const args = [`--userspec=${config.User}`, root, ...command, '--help'];
    return await runCommand('chroot', args, { env: environmentOf(config) });
  });
}

interface Program {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where it says by `/readyz` that it is ready. */
  readonly url: string;
  readonly ask: () => Promise<string>;
}

/** Starts a program in the root of its image, waits until it is ready, asks it, and ends it. */
async function startProgram({ root, config }: Unpacked, { command, env, url, ask }: Program): Promise<StartedImage> {
  const startedAt = performance.now();
  const child = spawn('chroot', [`--userspec=${config.User}`, root, ...command], {
    env: { ...environmentOf(config), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const exited = once(child, 'exit');
  try {
    while (!(await isReady(url))) {
      if (child.exitCode !== null) throw new Error(`the image has ended: ${output}`);
      if (performance.now() - startedAt > START_TIMEOUT_MS) throw new Error(`the image is not ready: ${output}`);
      await delay(20);
    }
    const readyMs = performance.now() - startedAt;
    return { readyMs, answer: await ask() };
  } finally {
    child.kill('SIGTERM');
    await exited;
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

/** Asks a server on this machine that has a certificate of `authority` for localhost. */
function askByTls(port: number, authority: string, { path: at, body }: Question): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const where = { host: '127.0.0.1', servername: 'localhost', port, path: at, ca: authority, agent: false as const };
    const call = request({ ...where, method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('error', reject).on('end', () => resolve(`${response.statusCode ?? 0} ${text.trim()}`));
    });
    call.on('error', reject).end(body);
  });
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
