import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { runCommand } from '../../scripts/run-command.ts';
import { isRunning, readLogTail, recordedProcesses, startProcess, stopProcess, type Lifetime } from './process.ts';
import { waitFor } from './wait-for.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'edict-process-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const shell = (name: string, script: string, lifetime: Lifetime = 'bound'): Promise<void> =>
  startProcess({ name, command: '/bin/sh', args: ['-c', script], directory, lifetime });

test('a started program is recorded, its output kept, and stopping it twice is no error', async () => {
  await shell('talker', 'echo hello; exec sleep 300');
  expect(await recordedProcesses(directory)).toEqual(['talker']);
  await waitFor('the program to talk', async () => (await readLogTail(directory, 'talker')) === 'hello');
  expect(await isRunning(directory, 'talker')).toBe(true);
  await stopProcess(directory, 'talker');
  await stopProcess(directory, 'talker');
  expect(await isRunning(directory, 'talker')).toBe(false);
  expect(await recordedProcesses(directory)).toEqual([]);
});

test('a program that ignores SIGTERM is killed after its grace', async () => {
  await shell('stubborn', 'trap "" TERM; echo ready; while :; do sleep 0.05; done');
  await waitFor('the trap to be set', async () => (await readLogTail(directory, 'stubborn')) === 'ready');
  await stopProcess(directory, 'stubborn', 50);
  expect(await isRunning(directory, 'stubborn')).toBe(false);
});

test('a program that ended before it could be recorded does not run, and stopping it is no error', async () => {
  await mkdir(path.join(directory, 'run'));
  const pid = 2 ** 30; // more than any process has
  await writeFile(path.join(directory, 'run/brief.json'), JSON.stringify({ pid }));
  expect(await isRunning(directory, 'brief')).toBe(false);
  await stopProcess(directory, 'brief', 50);
  expect(await recordedProcesses(directory)).toEqual([]);
});

test('a program that is nowhere rejects', async () => {
  await expect(
    startProcess({ name: 'nowhere', command: '/nowhere', args: [], directory, lifetime: 'detached' }),
  ).rejects.toMatchObject({ code: 'ENOENT' });
});

test.each<[Lifetime, boolean]>([
  ['bound', false],
  ['detached', true],
])('when its starter is killed, a %s program survives: %s', async (lifetime, survives) => {
  const starter = `
    import { startProcess } from ${JSON.stringify(path.resolve(import.meta.dirname, 'process.ts'))};
    const spec = { name: 'child', command: '/bin/sleep', args: ['300'], lifetime: ${JSON.stringify(lifetime)} };
    await startProcess({ ...spec, directory: ${JSON.stringify(directory)} });
    process.kill(process.pid, 'SIGKILL');`;
  // The starter ends by a signal, as a crashed test run would.
  await expect(runCommand(process.execPath, ['--input-type=module', '-e', starter])).rejects.toThrow('SIGKILL');
  const record = JSON.parse(await readFile(path.join(directory, 'run/child.json'), 'utf8')) as { readonly pid: number };
  expect(record.pid).toBeGreaterThan(1);
  if (survives) {
    expect(await isRunning(directory, 'child')).toBe(true);
    await stopProcess(directory, 'child');
  }
  await waitFor('the program to be gone', async () => !(await isRunning(directory, 'child')));
});
