import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../run.ts';
import { captureIo } from './captured-io.ts';

/** What a command line printed, and its exit code. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What differs from a plain run in a pipe. */
export interface RunOptions {
  readonly stdin?: string;
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs the whole command line in this process, as `main.ts` does. */
export async function runEdict(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { io, stdout, stderr } = captureIo({ stdin: () => Promise.resolve(Buffer.from(options.stdin ?? '')) });
  const code = await run(args, io, options.env ?? {}, options.name ?? 'edict');
  return { code, stdout: stdout(), stderr: stderr() };
}

/** A folder of files that is gone when the scope ends. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: (name: string) => string;
  readonly write: (name: string, text: string) => Promise<string>;
}

/** Makes a temporary folder with these files in it. */
export async function temporaryFolder(files: Readonly<Record<string, string>> = {}): Promise<TemporaryFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'edict-cli-'));
  const path = (name: string): string => join(folder, name);
  const write = async (name: string, text: string): Promise<string> => {
    await mkdir(dirname(path(name)), { recursive: true });
    await writeFile(path(name), text);
    return path(name);
  };
  for (const [name, text] of Object.entries(files)) await write(name, text);
  return { path, write, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
