import { basename } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { CommandError, type Io } from './io.ts';
import { createProgram } from './program.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted.abort();
    // A second signal ends the process at once.
    process.once(signal, () => process.exit(130));
  });
}

const io: Io = {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  stdin: async () => await buffer(process.stdin),
  isTerminal: process.stdout.isTTY,
  columns: process.stdout.columns,
  interrupted: interrupted.signal,
};
const invoked = basename(process.argv[1] ?? 'edict').startsWith('kubectl-edict') ? 'kubectl edict' : 'edict';

try {
  await createProgram(io, process.env, invoked).parseAsync();
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  if (error.message !== '') io.stderr(`error: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
