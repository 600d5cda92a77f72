import { Argument, Command } from 'commander';
import { addDoctor } from './program-doctor.ts';
import { addFleetCommands } from './program-fleet.ts';
import { addKeyCommands } from './program-keys.ts';
import { addLocalCommands, addTestCommands } from './program-local.ts';
import { addRegoCommands } from './program-rego.ts';
import { addUp } from './program-up.ts';
import { completionScript, SHELLS, type Shell } from './completion.ts';
import { EXIT_CODES, type Io } from './io.ts';
import { VERSION } from './version.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const EXIT_CODE_HELP = `
Exit codes:
  ${EXIT_CODES.ok}    done; a decision was made, whether GRANT or DENY
  ${EXIT_CODES.failed}    wrong usage, bad input, a failed test, a failed or late rollout
  ${EXIT_CODES.regoFailed}    eval: an error instead of a result; test of Rego: a test failed or was skipped
  ${EXIT_CODES.unknownCommand}    unknown command
  ${EXIT_CODES.interrupted}  interrupted`;

/** The whole command line. `name` is `edict`, or `kubectl edict` when run as a plugin. Parsing throws; it never exits. */
export function createProgram(io: Io, env: Environment, name: string): Command {
  const program = new Command(name)
    .description('Distribute policy, watch it arrive, and ask for decisions.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'explain a command')
    .helpCommand('help [command]', 'explain a command')
    .exitOverride()
    // `test` has options of its own beside its subcommands: what stands behind a subcommand is the subcommand's.
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: io.stdout,
      writeErr: io.stderr,
      getOutHelpWidth: () => io.columns,
      getErrHelpWidth: () => io.columns,
    })
    .addHelpText(
      'after',
      `
Examples:
  ${name} up --folder policies                        # everything in one process
  ${name} lint -f domain.yaml                         # what is wrong, and where
  ${name} decide -b domain.yaml -i porc.json          # one decision, from files
  ${name} eval -d policies -i input.json data.app.allow --why -f pretty
  ${name} test policies                               # the tests beside the policies
  ${name} rollout status                              # watch a new policy arrive
  ${name} rollout undo                                # serve what served before
  ${name} doctor                                      # what is wrong with an installation
${EXIT_CODE_HELP}`,
    );
  addLocalCommands(program, io);
  addRegoCommands(program, io);
  addTestCommands(program, io);
  addFleetCommands(program, io, env, name);
  addDoctor(program, io, name);
  addKeyCommands(program, io, name);
  addUp(program, io);
  const shell = new Argument('<shell>', 'the shell that is to complete').choices(SHELLS);
  program
    .command('completion')
    .description('Print a completion script for a shell.')
    .addArgument(shell)
    .addHelpText('after', `\nExample:\n  source <(${name} completion bash)`)
    .action((chosen: Shell) => io.stdout(completionScript(program, chosen)));
  program
    .command('version')
    .description('Print the version.')
    .action(() => io.stdout(`${VERSION}\n`));
  hintAtHelp(program, name);
  return program;
}

/** An error is followed by where to look, not by a page of help that pushes it off the screen. */
function hintAtHelp(command: Command, path: string): void {
  command.showHelpAfterError(`(see "${path} --help")`);
  for (const sub of command.commands) hintAtHelp(sub, `${path} ${sub.name()}`);
}
