import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { lockFolder } from './folder-lock.ts';

const MODULE = new URL('./folder-lock.ts', import.meta.url).href;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edict-lock-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A process that takes a folder as soon as it is told to, says what came of it, and stays until it is killed. */
async function otherProcess() {
  const text = `const { lockFolder } = await import(${JSON.stringify(MODULE)});
    console.log('ready');
    process.stdin.once('data', async () => {
      try { await lockFolder(${JSON.stringify(folder)}); console.log('taken'); }
      catch (error) { console.log(error.code); }
      gc();
    });`;
  const child = spawn(process.execPath, ['--expose-gc', '--input-type=module', '-e', text], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    take: async () => {
      child.stdin.write('now');
      const [said] = (await once(child.stdout, 'data')) as [Buffer];
      return said.toString().trim();
    },
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

test('a folder that a living process has is refused to others, and free when that is killed', async () => {
  const other = await otherProcess();
  expect(await other.take()).toBe('taken');
  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: 'folder-in-use',
    message: expect.stringContaining(folder),
  });
  await other.kill();
  const lock = await lockFolder(folder);
  const second = await otherProcess();
  expect(await second.take()).toBe('folder-in-use');
  lock?.release();
  await second.kill();
});

test('in one process a folder is taken once, and given back once', async () => {
  const first = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'folder-in-use' });
  // The locks of POSIX end with any descriptor of the file that their process closes.
  const other = await otherProcess();
  expect(await other.take()).toBe('folder-in-use');
  await other.kill();
  first?.release();
  const second = await lockFolder(folder);
  first?.release();
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'folder-in-use' });
  second?.release();
  expect(await readdir(folder)).toStrictEqual(['.lock']);
});

test('of several that come at once, after one that was killed, one has it', async () => {
  const killed = await otherProcess();
  expect(await killed.take()).toBe('taken');
  await killed.kill();
  const others = await Promise.all(Array.from({ length: 4 }, otherProcess));
  const said = await Promise.all(others.map((other) => other.take()));
  expect(said.filter((word) => word === 'taken')).toHaveLength(1);
  expect(said.filter((word) => word === 'folder-in-use')).toHaveLength(3);
  await Promise.all(others.map((other) => other.kill()));
});

test('a folder that is not there, or where a folder bears the name, is an error', async () => {
  await expect(lockFolder(join(folder, 'none'))).rejects.toThrow(join(folder, 'none', '.lock'));
  await mkdir(join(folder, '.lock'));
  await expect(lockFolder(folder)).rejects.toThrow(`${folder}/.lock cannot be locked`);
});
