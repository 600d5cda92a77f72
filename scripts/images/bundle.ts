import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build, type Plugin } from 'esbuild';

/** The folder that everything built goes to; never committed. */
export const DIST = path.resolve(import.meta.dirname, '../../dist');
const ROOT = path.resolve(import.meta.dirname, '../..');

/** A program that is bundled into one folder of JavaScript without `node_modules`. */
export interface BundleSpec {
  readonly name: 'operator' | 'pdp' | 'edict';
  /** The module that starts it; becomes `main.js`. */
  readonly main: string;
  /** Folders whose `*-worker.ts` are bundled beside it under their own names: threads load a file by its address. */
  readonly workersIn: readonly string[];
}

/** Every program of the project. */
export const BUNDLES: readonly BundleSpec[] = [
  { name: 'operator', main: 'operator/src/main.ts', workersIn: ['operator/src'] },
  { name: 'pdp', main: 'pdp/server/src/main.ts', workersIn: ['pdp/server/src'] },
  { name: 'edict', main: 'cli/src/main.ts', workersIn: ['cli/src', 'operator/src', 'pdp/server/src'] },
];

/** A finished bundle. */
export interface Bundle {
  readonly directory: string;
  /** Bytes of JavaScript, without source maps. */
  readonly size: number;
}

/** CommonJS packages inside the bundle call `require`; ES modules have none. */
const REQUIRE_BANNER = `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);`;

/**
 * Bundles one program into `dist/bundles/<name>`: `main.js`, its workers, the chunks they share, source
 * maps, and a `package.json` that says ES modules. Not minified:
 * stack traces matter more than the bytes. The same sources give the same bytes.
 */
export async function bundleProgram(spec: BundleSpec): Promise<Bundle> {
  const directory = path.join(DIST, 'bundles', spec.name);
  await rm(directory, { recursive: true, force: true });
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: { main: spec.main, ...(await findWorkers(spec.workersIn)) },
    outdir: directory,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node26',
    format: 'esm',
    banner: { js: REQUIRE_BANNER },
    sourcemap: true,
    sourcesContent: true,
    keepNames: true,
    metafile: true,
    plugins: [bundledWorkers],
    logLevel: 'warning',
  });
  await writeFile(path.join(directory, 'package.json'), '{"type":"module"}\n');
  const outputs = Object.entries(result.metafile.outputs).filter(([file]) => file.endsWith('.js'));
  return { directory, size: outputs.reduce((total, [, output]) => total + output.bytes, 0) };
}

/** A source names its worker by the path between two modules; bundled, both lie in one folder, as JavaScript. */
const bundledWorkers: Plugin = {
  name: 'bundled-workers',
  setup: (context) => {
    context.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path: file }) => {
      if (file.includes('node_modules')) return undefined;
      const contents = await readFile(file, 'utf8');
      const worker = /new URL\((['"])\.\.?\/(?:[^'"]*\/)?([\w-]+-worker)\.ts\1, import\.meta\.url\)/g;
      return { contents: contents.replaceAll(worker, "new URL('./$2.js', import.meta.url)"), loader: 'ts' };
    });
  },
};

async function findWorkers(folders: readonly string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const folder of folders) {
    for (const file of await readdir(path.join(ROOT, folder), { recursive: true })) {
      if (!file.endsWith('-worker.ts')) continue;
      const name = path.basename(file, '.ts');
      if (found[name] !== undefined)
        throw new Error(`two workers are named ${name}: ${found[name]} and ${folder}/${file}`);
      found[name] = path.join(folder, file);
    }
  }
  return found;
}
