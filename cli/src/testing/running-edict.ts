import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './run-edict.ts';

/** The program as users start it. */
export const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/** Longest wait for anything that a process of a test is to do; far more than it takes on a busy machine. */
const PATIENCE_MS = 60_000;

/** Runs `node main.ts …` to its end. */
export async function spawnEdict(args: readonly string[], main = MAIN): Promise<Outcome> {
  const child = start(args, main);
  const output = collect(child);
  const code = await ended(child);
  return { code, ...output };
}

/** An `edict up` that is ready. */
export interface RunningUp extends AsyncDisposable {
  /** URLs of the PDPs, in order. */
  readonly pdps: readonly string[];
  /** Of its API. */
  readonly server: string;
  readonly pid: number;
  readonly output: { readonly stdout: string; readonly stderr: string };
  /** Another command against it. */
  readonly edict: (...args: readonly string[]) => Promise<Outcome>;
  /** Sends a signal and resolves with the exit code. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number>;
}

/** Starts `edict up` on free ports and resolves once it says that it is ready; its end before that rejects with all it said. */
export async function startUp(folder: string, ...args: readonly string[]): Promise<RunningUp> {
  const child = start(['up', '--folder', folder, '--port', '0', '--api-port', '0', ...args], MAIN);
  const output = collect(child);
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return await ended(child);
  };
  try {
    await until('ready', () => {
      if (child.exitCode !== null)
        throw new Error(`edict up ended with ${child.exitCode}:\n${output.stdout}${output.stderr}`);
      return output.stdout.endsWith('ready\n');
    });
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
  const server = /^API (http:\S+)/m.exec(output.stdout)?.[1] ?? '';
  return {
    pdps: [...output.stdout.matchAll(/^PDP \S+ (http:\S+)$/gm)].map(([, url]) => url ?? ''),
    server,
    pid: child.pid ?? 0,
    output,
    edict: (...words) => spawnEdict([...words, '--server', server]),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop('SIGKILL');
    },
  };
}

/** Waits for a condition, and names it when it never comes. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await pause(20);
  }
}

/** What a PDP answers to a PORC. */
export interface Answer {
  readonly status: number;
  readonly allow: boolean | undefined;
  readonly revision: number;
}

/** Asks a PDP. */
export async function ask(url: string, porc: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/decision`, { method: 'POST', headers, body: JSON.stringify(porc) });
  const body = (await response.json()) as { readonly allow?: boolean };
  return { status: response.status, allow: body.allow, revision: Number(response.headers.get('policy-revision')) };
}

function start(args: readonly string[], main: string): ChildProcess {
  const { EDICT_SERVER: _server, KUBECONFIG: _kubeconfig, ...env } = process.env;
  return spawn(process.execPath, [main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  return output;
}

/** Resolves with the exit code once all output has been read; a signal counts as -1. */
async function ended(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? -1;
  return await new Promise((resolve) => child.once('close', (code) => resolve(code ?? -1)));
}
