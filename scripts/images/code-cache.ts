import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { CommandError, tryCommand } from '../run-command.ts';

/** The folder beside a program that Node is told to find its code cache in, by {@link cacheVariables}. */
const CACHE_FOLDER = 'code-cache';

/** Any number: that hashes of strings do not differ between two builds is what makes the caches equal. */
const BUILD_HASH_SEED = 1;

/** Node's own header: magic, size of the code, size of the cache, hash of the code, hash of the cache; 32 bits each. */
const NODE_HEADER_BYTES = 20;
const CACHE_HASH_AT = 16;
/** V8's header behind it: magic, its version, hash of the code, hash of its flags; 32 bits each. */
const FLAG_HASH_AT = NODE_HEADER_BYTES + 12;
const HASH_BYTES = 4;

/** The environment in which a program that lies in `directory` uses its code cache, wherever it was made. */
export function cacheVariables(directory: string): Readonly<Record<string, string>> {
  return { NODE_COMPILE_CACHE: path.join(directory, CACHE_FOLDER), NODE_COMPILE_CACHE_PORTABLE: '1' };
}

/**
 * Puts V8's code cache of a program beside it: without compiling it starts in two thirds of the time. It holds for the very
 * version of Node that `node` runs, on one architecture, with the same `flags`; any other Node takes no notice of it. `argument`
 * makes the program load all that it needs and end. Equal programs in equal places get equal bytes. Rejects when Node does not accept the cache.
 */
export async function addCodeCache(
  directory: string,
  flags: readonly string[],
  argument: string,
  node: readonly string[] = [process.execPath],
): Promise<void> {
  // Names in a program are kept with their hashes, whose seed is another in every process: the cache comes from one with a given
  // seed. The seed is a flag, and a cache is valid under the flags it was made with: which those are comes from the other. Both
  // run where the program lies, since its address is in the cache.
  const [seeded, plain] = [path.join(directory, 'seeded-cache'), path.join(directory, 'plain-cache')];
  try {
    await runOnce(node, directory, [...flags, `--hash-seed=${BUILD_HASH_SEED}`], argument, {
      NODE_COMPILE_CACHE: seeded,
    });
    await runOnce(node, directory, flags, argument, { NODE_COMPILE_CACHE: plain });
    const [from, as] = [await versionFolder(seeded), await versionFolder(plain)];
    const target = path.join(directory, CACHE_FOLDER, path.basename(as));
    await mkdir(target, { recursive: true });
    for (const file of await readdir(from)) {
      const cache = await readFile(path.join(from, file));
      (await readFile(path.join(as, file))).copy(cache, FLAG_HASH_AT, FLAG_HASH_AT, FLAG_HASH_AT + HASH_BYTES);
      cache.writeUInt32LE(crc32(cache.subarray(NODE_HEADER_BYTES)), CACHE_HASH_AT);
      await writeFile(path.join(target, file), cache);
    }
  } finally {
    for (const folder of [seeded, plain]) await rm(folder, { recursive: true, force: true });
  }
  const log = await runOnce(node, directory, flags, argument, { NODE_DEBUG_NATIVE: 'COMPILE_CACHE' });
  if (!log.includes('main.js was accepted') || log.includes('was rejected')) {
    throw new Error(`Node does not take the code cache of ${directory}`);
  }
}

/** Resolves with what the program wrote to standard error. */
async function runOnce(
  node: readonly string[],
  directory: string,
  flags: readonly string[],
  argument: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [program = '', ...rest] = node;
  const result = await tryCommand(program, [...rest, ...flags, path.join(directory, 'main.js'), argument], {
    // Options of whoever builds would be flags too.
    env: { NODE_OPTIONS: '', ...cacheVariables(directory), ...env },
  });
  if (result.code !== 0) {
    throw new CommandError('CommandFailed', `${directory} does not run: ${result.stderr.trim().slice(-4000)}`, result);
  }
  return result.stderr;
}

/** A cache has one folder for each version of Node and flags; here one of them has run. */
async function versionFolder(cache: string): Promise<string> {
  const [found] = await readdir(cache);
  if (found === undefined) throw new Error(`Node wrote no code cache to ${cache}`);
  return path.join(cache, found);
}
