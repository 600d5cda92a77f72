import { CommanderError, type Command } from 'commander';
import { CommandError, EXIT_CODES, type Io } from './io.ts';
import { createProgram, type Environment } from './program.ts';

/**
 * Runs one command line and resolves with its exit code, once everything has been printed. `name` is `edict`, or
 * `kubectl edict` when run as a plugin. Throws only what is a bug.
 */
export async function run(args: readonly string[], io: Io, env: Environment, name: string): Promise<number> {
  const program = createProgram(io, env, name);
  const group = groupOf(program, args);
  if (group !== undefined) {
    group.outputHelp();
    return EXIT_CODES.ok;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT_CODES.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.code === 'commander.unknownCommand' ? EXIT_CODES.unknownCommand : error.exitCode;
    }
    if (!(error instanceof CommandError)) throw error;
    if (error.message !== '') io.stderr(`error: ${error.message}\n`);
    return error.exitCode;
  }
}

/** The command with subcommands that the words name and stop at: there is nothing to run, only something to explain. */
function groupOf(program: Command, args: readonly string[]): Command | undefined {
  let command: Command = program;
  for (const word of args) {
    const next = command.commands.find((sub) => sub.name() === word);
    if (next === undefined) return undefined;
    command = next;
  }
  return command.commands.length > 0 ? command : undefined;
}
