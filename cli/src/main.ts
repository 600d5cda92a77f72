#!/usr/bin/env node
import { basename } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { EXIT_CODES, type Io } from './io.ts';
import { run } from './run.ts';

/** Takes SIGINT and SIGTERM over; a second signal ends the process at once. */
function catchInterrupts(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      controller.abort();
      process.once(signal, () => process.exit(EXIT_CODES.interrupted));
    });
  }
  return controller.signal;
}

/** Commands that decide over and over; all others compile once and end. */
const LASTING_COMMANDS = ['up', 'bench'];

// A young generation that grows takes up to 90 MB while a large policy compiles, and makes that hardly faster.
if (!LASTING_COMMANDS.includes(process.argv[2] ?? '')) setFlagsFromString('--semi-space-growth-factor=1');

let interrupts: AbortSignal | undefined;
const io: Io = {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  stdin: async () => await buffer(process.stdin),
  // Neither is there when stdout is no terminal, whatever their types say.
  isTerminal: process.stdout.isTTY ? process.env['TERM'] !== 'dumb' : false,
  columns: process.stdout.isTTY ? process.stdout.columns : 80,
  interrupted: () => (interrupts ??= catchInterrupts()),
};

// The reader went away, as in "edict pdps | head -1": nothing more to say, and no reason to complain.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT_CODES.ok);
});

// kubectl runs plugins by their file's name; a link of that name is all that it takes.
const invoked = basename(process.argv[1] ?? '').startsWith('kubectl-edict') ? 'kubectl edict' : 'edict';
process.exitCode = await run(process.argv.slice(2), io, process.env, invoked);
