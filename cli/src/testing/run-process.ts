import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './run-edict.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const NODE = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url));

/** Starts `edict` as a process of its own, in a folder. */
export function startEdict(args: readonly string[], cwd: string): ChildProcessWithoutNullStreams {
  return spawn(NODE, [MAIN, ...args], { cwd });
}

/** Runs `edict` as a process of its own, and waits for its end. */
export async function runProcess(args: readonly string[], cwd: string, stdin = ''): Promise<Outcome> {
  const child = startEdict(args, cwd);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  child.stdin.end(stdin);
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      resolve(status ?? -1);
    });
  });
  return { code, stdout, stderr };
}
