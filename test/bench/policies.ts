import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { pathToFileURL } from 'node:url';

/** One policy to measure: what to compile, what to ask, and what the answers have to be. */
export interface BenchPolicy {
  readonly name: string;
  readonly source: string;
  /** Entry point as a slash path below `data`. */
  readonly entrypoint: string;
  /** A new copy of the base documents: contenders must not share theirs. */
  readonly readData: () => unknown;
  readonly inputs: readonly unknown[];
  /** By input; null where the answer is undefined. */
  readonly expected: readonly unknown[];
}

/** A decision function that somebody wrote by hand. */
export type HandWritten = (data: unknown) => (input: unknown) => unknown;

/** The hand-written functions of a file, by policy. */
export interface HandModule {
  readonly direct: Readonly<Record<string, HandWritten>>;
  readonly indexed: Readonly<Record<string, HandWritten>>;
}

/** Reads every folder of `dir` that holds a policy. Throws an error that says what is missing. */
export function readPolicies(dir: string): readonly BenchPolicy[] {
  if (!existsSync(dir)) throw new Error(`no policies in ${resolve(dir)}: name their folder with --policies`);
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(dir, entry.name, 'policy.rego')))
    .map((entry) => entry.name)
    .sort()
    .map((name) => readPolicy(join(dir, name), name));
}

/** Imports the module with the hand-written functions. Throws an error that says what is missing. */
export async function readHandModule(file: string): Promise<HandModule> {
  if (!existsSync(file)) throw new Error(`no hand-written functions in ${resolve(file)}: name the module with --hand`);
  return (await import(pathToFileURL(resolve(file)).href)) as HandModule;
}

function readPolicy(dir: string, name: string): BenchPolicy {
  const read = (file: string): string => readFileSync(join(dir, file), 'utf8');
  const entry = read('entry.txt').trim();
  const dataText = existsSync(join(dir, 'data.json'))
    ? read('data.json')
    : gunzipSync(readFileSync(join(dir, 'data.json.gz'))).toString('utf8');
  return {
    name,
    source: read('policy.rego'),
    entrypoint: entry.split('.').slice(1).join('/'),
    readData: () => JSON.parse(dataText) as unknown,
    inputs: JSON.parse(read('inputs.json')) as readonly unknown[],
    expected: JSON.parse(read('expected.json')) as readonly unknown[],
  };
}

/** The policy as a PolicyDomain has it: there Rego is v0 unless it says otherwise. */
export function libraryRegoOf({ source }: BenchPolicy): string {
  return source.includes('import rego.v1') ? source : source.replace(/^package .*$/m, '$&\n\nimport rego.v1');
}
