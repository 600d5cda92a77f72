import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { useFolders } from '../../testing/folders.ts';
import { lockFolder } from './folder-lock.ts';

const newFolder = useFolders();
const MODULE = new URL('./folder-lock.ts', import.meta.url).href;

/** A process that takes a folder, says what came of it, and stays. */
async function otherProcess(folder: string) {
  const text = `const { lockFolder } = await import(${JSON.stringify(MODULE)});
    try { await lockFolder(${JSON.stringify(folder)}); console.log('taken'); setInterval(() => 0, 1000); }
    catch (error) { console.log(error.code); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { said: said.toString().trim(), child };
}

test('a folder that a living process has is refused to others, and free when that is killed', async () => {
  const folder = await newFolder();
  const { said, child } = await otherProcess(folder);
  expect(said).toBe('taken');
  await expect(lockFolder(folder)).rejects.toMatchObject({
    code: 'journal-in-use',
    message: expect.stringContaining(folder),
  });
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(await readdir(folder)).toStrictEqual(['lock']);
  const lock = await lockFolder(folder);
  const second = await otherProcess(folder);
  expect(second.said).toBe('journal-in-use');
  await lock?.release();
});

test('in one process a folder is taken once, and given back', async () => {
  const folder = await newFolder();
  const first = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'journal-in-use' });
  await first?.release();
  const second = await lockFolder(folder);
  await second?.release();
  expect(await readdir(folder)).toStrictEqual([]);
});

test('of several that find a lock which nobody holds one has it', async () => {
  const folder = await newFolder();
  const { child } = await otherProcess(folder);
  child.kill('SIGKILL');
  await once(child, 'close');
  const settled = await Promise.allSettled(Array.from({ length: 6 }, () => lockFolder(folder)));
  const taken = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  expect(taken).toHaveLength(1);
  await taken[0]?.release();
});

test('a path may be longer than a socket can be named', async () => {
  const folder = join(await newFolder(), 'a'.repeat(150));
  await mkdir(folder);
  const lock = await lockFolder(folder);
  expect(lock).toBeDefined();
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'journal-in-use' });
  await lock?.release();
});

test('a folder that is not there, or where something else bears the name, is an error', async () => {
  const folder = await newFolder();
  await expect(lockFolder(join(folder, 'none'))).rejects.toThrow();
  await mkdir(join(folder, 'lock'));
  await writeFile(join(folder, 'lock', 'x'), '');
  await expect(lockFolder(folder)).rejects.toThrow();
});
