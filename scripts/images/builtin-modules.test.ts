import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { tryCommand } from '../run-command.ts';
import { builtinModulesAsRequired } from './builtin-modules.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'edict-builtin-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** What a bundled program prints. */
async function outputOf(program: string, name = 'source.js'): Promise<string> {
  const [source, bundled] = [path.join(directory, name), path.join(directory, 'bundled.mjs')];
  await mkdir(path.dirname(source), { recursive: true });
  await writeFile(source, program);
  await build({
    entryPoints: [source],
    outfile: bundled,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
    plugins: [builtinModulesAsRequired],
  });
  const { stdout, stderr, code } = await tryCommand(process.execPath, [bundled]);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  return stdout.trim();
}

test('a module is taken by its names, as a whole and by its default', async () => {
  const output = await outputOf(`
    import { join } from 'node:path';
    import * as all from 'path';
    import path from 'node:path';
    import { readFile } from 'node:fs/promises';
    console.log(join('a', 'b'), all.sep, path.basename('c/d'), typeof readFile);
  `);
  expect(output).toBe('a/b / d function');
});

test('what a module makes only when it is read is not made', async () => {
  const output = await outputOf(`
    import { createServer } from 'node:http';
    console.log(typeof createServer, process.moduleLoadList.filter((name) => /undici|http2|webstreams/.test(name)).length);
  `);
  expect(output).toBe('function 0');
});

test('a name that is made when it is read is there for the module that needs it', async () => {
  const program = `import { BlockList } from 'node:net'; console.log(typeof new BlockList().check);`;
  expect(await outputOf(program, 'network/public-address.ts')).toBe('function');
});

test('a name that nobody provides fails the build', async () => {
  await expect(outputOf(`import { WebSocket } from 'node:http'; console.log(WebSocket);`)).rejects.toThrow(
    'No matching export',
  );
});
