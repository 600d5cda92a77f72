import type { Value } from '@edict/rego';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { codeOf, messageOf, type Io } from '../io.ts';
import { readJson, readYamlDocument, textOf } from './documents.ts';
import { fileProblem } from './problems.ts';

/** Where the input document comes from. */
export interface InputOptions {
  /** A file of JSON or YAML. */
  readonly input?: string;
  /** Whether it is on standard input. */
  readonly stdinInput: boolean;
}

/** The input document, or undefined where none was named. @throws ToolProblems with the place of the first mistake */
export async function readInputDocument(io: Io, { input, stdinInput }: InputOptions): Promise<Value> {
  if (stdinInput) return parse('standard input', await io.stdin());
  if (input === undefined) return undefined;
  const path = input.startsWith('file://') ? fileURLToPath(input) : input;
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw fileProblem(path, codeOf(error) === 'ENOENT' ? 'no such file or directory' : messageOf(error));
  }
  return parse(path, bytes);
}

/** JSON, or YAML where the text does not start like JSON. */
function parse(name: string, bytes: Uint8Array): Value {
  const isYaml = /\.ya?ml$/.test(name) || !/^\s*["[{\d\-tfn]/.test(textOf(name, bytes).slice(0, 100));
  return isYaml ? readYamlDocument(name, bytes) : readJson(name, bytes);
}
