import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { tryCommand } from '../run-command.ts';
import { addCodeCache, cacheVariables } from './code-cache.ts';

const PROGRAM = `import { double } from './double.js';
const names = { alpha: 1, beta: 2, gamma: 3 };
if (process.argv[2] === '--fail') process.exitCode = 3;
else console.log(double(Object.keys(names).length));
`;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'edict-program-'));
  await writeFile(path.join(directory, 'package.json'), '{"type":"module"}\n');
  await writeFile(path.join(directory, 'main.js'), PROGRAM);
  await writeFile(path.join(directory, 'double.js'), 'export const double = (value) => 2 * value;\n');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function cacheOf(folder: string): Promise<Readonly<Record<string, string>>> {
  const files = await readdir(path.join(folder, 'code-cache'), { recursive: true, withFileTypes: true });
  const read = files
    .filter((file) => file.isFile())
    .map(async ({ parentPath, name }) => [name, await readFile(path.join(parentPath, name), 'base64')] as const);
  return Object.fromEntries(await Promise.all(read));
}

test('Node takes the cache of every module, and equal programs have equal caches', async () => {
  const flags = ['--expose-gc'];
  await addCodeCache(directory, flags, '--help');
  const first = await cacheOf(directory);
  expect(Object.keys(first)).toHaveLength(2);
  const { stdout, stderr } = await tryCommand(process.execPath, [...flags, path.join(directory, 'main.js')], {
    env: { NODE_OPTIONS: '', NODE_DEBUG_NATIVE: 'COMPILE_CACHE', ...cacheVariables(directory) },
  });
  // What Node tells of its cache begins with the cache's name.
  expect(stdout.split('\n').filter((line) => !line.startsWith('[compile cache]'))).toEqual(['6', '']);
  expect(`${stdout}${stderr}`.match(/was accepted/g)).toHaveLength(2);
  await rm(path.join(directory, 'code-cache'), { recursive: true });
  await addCodeCache(directory, flags, '--help');
  expect(await cacheOf(directory)).toEqual(first);
});

test('a program that fails gets no cache', async () => {
  await expect(addCodeCache(directory, [], '--fail')).rejects.toMatchObject({ code: 'CommandFailed' });
  expect(await readdir(directory)).not.toContain('code-cache');
});
