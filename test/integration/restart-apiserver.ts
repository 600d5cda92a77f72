import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isRunning, startProcess, stopProcess } from '../support/process.ts';

const NAME = 'kube-apiserver';

/** Ends the apiserver of a control plane at once, as a crash would; answers how it was started. */
export async function stopApiserver(directory: string): Promise<readonly string[]> {
  const record = JSON.parse(await readFile(path.join(directory, 'run', `${NAME}.json`), 'utf8')) as {
    readonly pid: number;
  };
  const command = (await readFile(`/proc/${String(record.pid)}/cmdline`, 'utf8'))
    .split('\0')
    .filter((part) => part !== '');
  await stopProcess(directory, NAME, 0);
  if (await isRunning(directory, NAME)) throw new Error('the apiserver did not end');
  return command;
}

/** Starts it again on the same port, over the same etcd. */
export async function restartApiserver(directory: string, command: readonly string[]): Promise<void> {
  const [program = NAME, ...args] = command;
  await startProcess({ name: NAME, command: program, args, directory, lifetime: 'bound' });
}
