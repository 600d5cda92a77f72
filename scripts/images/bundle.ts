import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build, type Plugin } from 'esbuild';
import { buildPage } from '../../operator/console/build-page.ts';
import { builtinModulesAsRequired } from './builtin-modules.ts';
import { addCodeCache, cacheVariables } from './code-cache.ts';

/** The folder that everything built goes to; never committed. */
export const DIST = path.resolve(import.meta.dirname, '../../dist');
const ROOT = path.resolve(import.meta.dirname, '../..');

/** A program that is bundled into one folder of JavaScript without `node_modules`. */
export interface BundleSpec {
  readonly name: 'operator' | 'pdp' | 'edict';
  /** The module that starts it; becomes `main.js`. */
  readonly main: string;
  /** Further programs of the same image, which share nothing with it, by the name of their file. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Folders whose `*-worker.ts` are bundled beside it under their own names: threads load a file by its address. */
  readonly workersIn: readonly string[];
  /** Flags of Node that it runs with. */
  readonly flags: readonly string[];
  /** Variables of the environment that it runs with. */
  readonly env?: Readonly<Record<string, string>>;
  /** The argument that makes it load everything and end; with it, a code cache is put beside it. */
  readonly warmUp?: string;
}

/**
 * The PDP is to be small and start fast: a young heap of a few MB is collected more often, but stays in the processor's cache;
 * the old one is collected when it has grown by a fifth, and not when it has grown to four times, which takes a hundredth of
 * the time at full load; threads that help to collect a young heap so small would be woken, and waited for, for longer than they
 * help; what the start leaves behind is given back by `gc`, which a flag makes callable; the heap of a thread that
 * has ended goes back to the system, and not into a store for other threads, which an idle process never uses. Source maps, which
 * Node reads before it starts, are there for who looks for a bug: `NODE_OPTIONS=--enable-source-maps`.
 */
const PDP_FLAGS = [
  '--max-semi-space-size=2',
  '--heap-growing-percent=20',
  '--no-parallel-scavenge',
  '--expose-gc',
  '--no-memory-pool-share-memory-on-teardown',
] as const;

/**
 * One arena, or each thread that compiles or collects would keep what it freed for itself. Buffers of 32 KiB and more come from the
 * system page by page and go back to it, wherever small ones lie in the heap of malloc. And of the 64 KiB that Node takes for what a TLS
 * connection reads, a stream of a PDP uses three or four: so it costs no more than what is used, which halves what a connection
 * costs, if the heap has no free end that is large enough for one.
 */
const MALLOC_ENV = { MALLOC_MMAP_THRESHOLD_: '32768', MALLOC_TOP_PAD_: '16384', MALLOC_ARENA_MAX: '1' } as const;
/**
 * A fleet that connects would make the young heap grow to its limit, where it stays. Source maps are as with the PDP: the first
 * error would have Node read them, which stops everything for more than a second and takes tens of MB.
 */
const OPERATOR_FLAGS = ['--max-semi-space-size=4'] as const;

/** Every program of the project. */
export const BUNDLES: readonly BundleSpec[] = [
  {
    name: 'operator',
    main: 'operator/src/main.ts',
    programs: { conversion: 'operator/src/conversion/main.ts' },
    workersIn: ['operator/src'],
    flags: OPERATOR_FLAGS,
    env: MALLOC_ENV,
  },
  {
    name: 'pdp',
    main: 'pdp/server/src/main.ts',
    workersIn: ['pdp/server/src'],
    flags: PDP_FLAGS,
    env: MALLOC_ENV,
    warmUp: '--help',
  },
  { name: 'edict', main: 'cli/src/main.ts', workersIn: ['cli/src', 'operator/src', 'pdp/server/src'], flags: [] },
];

/** The environment of a bundled program that lies in `directory`. */
export function variablesOf({ env, warmUp }: BundleSpec, directory: string): Readonly<Record<string, string>> {
  return { ...env, ...(warmUp === undefined ? {} : cacheVariables(directory)) };
}

/** A finished bundle. */
export interface Bundle {
  readonly directory: string;
  /** Bytes of JavaScript, without source maps. */
  readonly size: number;
  /** The files that it was made of, relative to the root of the repository. */
  readonly sources: readonly string[];
}

/** Which machine a bundle is for. */
export interface BundleTarget {
  /** Its folder below `dist/bundles`. */
  readonly folder: string;
  /** The command that runs Node there. */
  readonly node: readonly string[];
}

/** CommonJS packages inside the bundle call `require`; ES modules have none. */
const REQUIRE_BANNER = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);`;

/** Longer lines make an uncaught error, which Node shows with its line, unreadable. */
const LINE_LIMIT = 160;

/**
 * Bundles one program into `dist/bundles/<folder>`: `main.js` and the chunks that it loads when it needs them, its workers,
 * source maps, a `package.json` that says ES modules, and its code cache if it has one. A worker shares no chunk with the
 * program, which would load what only the worker needs. White space and comments are left out: V8 keeps the text in memory,
 * at twice its size if there is one letter beyond ASCII; names stay. The same sources give the same bytes.
 */
export async function bundleProgram(
  spec: BundleSpec,
  target: BundleTarget = { folder: spec.name, node: [process.execPath] },
): Promise<Bundle> {
  const directory = path.join(DIST, 'bundles', target.folder);
  await rm(directory, { recursive: true, force: true });
  const workers = await findWorkers(spec.workersIn);
  const parts = [await bundle(directory, { main: spec.main }, true)];
  for (const [name, file] of Object.entries({ ...spec.programs, ...workers }))
    parts.push(await bundle(directory, { [name]: file }));
  await writeFile(path.join(directory, 'package.json'), '{"type":"module"}\n');
  if (spec.warmUp !== undefined) await addCodeCache(directory, spec.flags, spec.warmUp, target.node);
  return {
    directory,
    size: parts.reduce((sum, { size }) => sum + size, 0),
    sources: [...new Set(parts.flatMap(({ sources }) => sources))].sort(),
  };
}

async function bundle(
  directory: string,
  entryPoints: Readonly<Record<string, string>>,
  splitting = false,
): Promise<Pick<Bundle, 'size' | 'sources'>> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints,
    outdir: directory,
    bundle: true,
    platform: 'node',
    target: 'node26',
    format: 'esm',
    banner: { js: REQUIRE_BANNER },
    sourcemap: true,
    sourcesContent: true,
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: LINE_LIMIT,
    charset: 'ascii',
    legalComments: 'none',
    metafile: true,
    plugins: [ownSources, pageInside, builtinModulesAsRequired],
    logLevel: 'warning',
    splitting,
  });
  const outputs = Object.entries(result.metafile.outputs).filter(([file]) => file.endsWith('.js'));
  return {
    size: outputs.reduce((total, [, output]) => total + output.bytes, 0),
    sources: outputs.flatMap(([, { inputs }]) =>
      Object.keys(inputs).filter((file) => (inputs[file]?.bytesInOutput ?? 0) > 0),
    ),
  };
}

/**
 * A source names its worker by the path between two modules; bundled, both lie in one folder, as JavaScript. And it takes
 * `z` from zod, whose translations could not be left out if it were not a namespace.
 */
const ownSources: Plugin = {
  name: 'own-sources',
  setup: (context) => {
    context.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path: file }) => {
      if (file.includes('node_modules')) return undefined;
      const worker = /new URL\((['"])\.\.?\/(?:[^'"]*\/)?([\w-]+-worker)\.ts\1, import\.meta\.url\)/g;
      const contents = (await readFile(file, 'utf8'))
        .replaceAll(worker, "new URL('./$2.js', import.meta.url)")
        .replace(/^import \{ z \} from 'zod';$/m, "import * as z from 'zod';");
      return { contents, loader: 'ts' };
    });
  },
};

/**
 * The console's page, which from source is built when it is asked for, is built now: a bundle has no esbuild with it. It is a
 * chunk of its own, so that only who serves it has it in memory.
 */
const pageInside: Plugin = {
  name: 'page-inside',
  setup: (context) => {
    context.onLoad({ filter: /[\\/]operator[\\/]console[\\/]page-files\.ts$/ }, () => ({
      contents: "export const loadPageFiles = async () => (await import('console-page')).page;",
      loader: 'js',
    }));
    context.onResolve({ filter: /^console-page$/ }, ({ path: file }) => ({ path: file, namespace: 'console-page' }));
    context.onLoad({ filter: /.*/, namespace: 'console-page' }, async () => ({
      contents: `export const page = ${JSON.stringify(await buildPage())};`,
      loader: 'js',
    }));
  },
};

async function findWorkers(folders: readonly string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const folder of folders) {
    for (const file of await readdir(path.join(ROOT, folder), { recursive: true })) {
      if (!file.endsWith('-worker.ts')) continue;
      // A process's part of that name is no thread, and loaded like every module.
      if (!(await readFile(path.join(ROOT, folder, file), 'utf8')).includes("from 'node:worker_threads'")) continue;
      const name = path.basename(file, '.ts');
      if (found[name] !== undefined)
        throw new Error(`two workers are named ${name}: ${found[name]} and ${folder}/${file}`);
      found[name] = path.join(folder, file);
    }
  }
  return found;
}
