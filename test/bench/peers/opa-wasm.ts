import { copyFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { BenchPolicy } from '../policies.ts';
import { build, cacheFolder } from './build.ts';
import { compileToWasm } from './line-process.ts';
import { buildOpa } from './opa.ts';
import { inProcess, type LoadedPeer, type Peer } from './peer.ts';

/** What is used of the package `@open-policy-agent/opa-wasm`. */
interface OpaWasm {
  readonly loadPolicy: (code: Uint8Array<ArrayBuffer>) => Promise<{
    readonly setData: (data: unknown) => void;
    readonly evaluate: (input: ArrayBuffer) => readonly { readonly result: unknown }[];
  }>;
}

/** WebAssembly that OPA compiles, run by OPA's npm package, which opa-wasm/package-lock.json pins. */
export async function opaWasmPeers(): Promise<readonly Peer[]> {
  const compiler = await buildOpa();
  const opaWasm = await install();
  return [{ name: 'opa-wasm', load: (policy) => load(policy, compiler, opaWasm) }];
}

/** The package goes to the cache: what measures peers is no dependency of the workspace. */
async function install(): Promise<OpaWasm> {
  const folder = await cacheFolder('opa-wasm-1.10.0');
  for (const file of ['package.json', 'package-lock.json']) {
    await copyFile(join(import.meta.dirname, 'opa-wasm', file), join(folder, file));
  }
  await build({ command: 'npm', args: ['ci', '--ignore-scripts'], cwd: folder, from: 'https://nodejs.org' });
  return createRequire(join(folder, 'package.json'))('@open-policy-agent/opa-wasm') as OpaWasm;
}

async function load(policy: BenchPolicy, compiler: string, { loadPolicy }: OpaWasm): Promise<LoadedPeer> {
  const loaded = await loadPolicy(await compileToWasm(compiler, policy));
  loaded.setData(policy.readData());
  // It takes values and bytes of JSON, and makes bytes of values: bytes are what it is fastest with.
  const inputs = policy.inputs.map((input) => new TextEncoder().encode(JSON.stringify(input)).buffer);
  return { ...inProcess(inputs, (input) => loaded.evaluate(input)[0]?.result), isUnordered: true };
}
