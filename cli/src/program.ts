import { Command, InvalidArgumentError, Option } from 'commander';
import { apiVersions, type ApiVersion } from '@edict/bundle';
import { durationMs } from '@edict/crds';
import { build } from './commands/build.ts';
import { convert } from './commands/convert.ts';
import { decide } from './commands/decide.ts';
import { lint } from './commands/lint.ts';
import { pdps } from './commands/pdps.ts';
import { rolloutHistory, rolloutStatus, rolloutUndo } from './commands/rollout.ts';
import { testDecisions } from './commands/test-decisions.ts';
import { up } from './commands/up.ts';
import { completionScript, SHELLS, type Shell } from './completion.ts';
import type { Fleet, FleetOptions } from './fleet/fleet.ts';
import { openFleet } from './fleet/open-fleet.ts';
import type { Io, OutputFormat } from './io.ts';
import { VERSION } from './version.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The whole command line. `name` is `edict`, or `kubectl edict` when run as a plugin. */
export function createProgram(io: Io, env: Environment, name: string): Command {
  const program = new Command('edict')
    .usage('[options] [command]')
    .description('Distribute policy, watch it arrive, and ask for decisions.')
    .version(VERSION)
    .showHelpAfterError()
    .showSuggestionAfterError()
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr })
    .addHelpText(
      'after',
      `\nExamples:\n  ${name} up --folder policies\n  ${name} rollout status\n  ${name} decide -b domain.yaml -i porc.json`,
    );
  addLocalCommands(program, io);
  addFleetCommands(program, io, env);
  addUp(program, io);
  program
    .command('completion')
    .description('Print a completion script for a shell.')
    .addHelpText('after', '\nExample: source <(edict completion bash)')
    .argument('<shell>', SHELLS.join(', '), oneOf(SHELLS))
    .action((shell: Shell) => io.stdout(completionScript(program, shell)));
  return program;
}

function addLocalCommands(program: Command, io: Io): void {
  program
    .command('lint')
    .description('Check PolicyDomain files: schema, references, selectors, Rego.')
    .requiredOption('-f, --file <files...>', 'PolicyDomain files (repeatable or comma-separated)', list)
    .option('--fail-on-warning', 'exit with 1 on warnings too', false)
    .addOption(outputOption())
    .action(
      async (options: { file: string[]; failOnWarning: boolean; output: OutputFormat }) => await lint(io, options),
    );

  program
    .command('decide')
    .description('Decide one PORC, from PolicyDomain files or at a running PDP.')
    .option('-b, --bundle <files...>', 'PolicyDomain files', list, [])
    .option('-i, --input <file>', 'the PORC as JSON; - is standard input', '-')
    .option('--url <url>', 'ask this PDP, such as http://127.0.0.1:8181')
    .option('--set <set>', 'with --url: the set to ask (namespace/name)')
    .option('--probe', 'with --url: without an access record', false)
    .addOption(outputOption())
    .action(
      async (options: {
        bundle: string[];
        input: string;
        url?: string;
        set?: string;
        probe: boolean;
        output: OutputFormat;
      }) => await decide(io, options),
    );

  const test = program.command('test').description('Run tests of policies.');
  test
    .command('decisions')
    .description('Run a suite of decisions (name, porc, result.allow) against PolicyDomain files.')
    .requiredOption('-b, --bundle <files...>', 'PolicyDomain files', list)
    .requiredOption('-i, --input <file>', 'the suite, YAML')
    .option('--test <globs...>', 'only tests whose names match', list, [])
    .addOption(outputOption())
    .action(
      async (options: { bundle: string[]; input: string; test: string[]; output: OutputFormat }) =>
        await testDecisions(io, options),
    );

  program
    .command('build')
    .description('Put the Rego of PolicyDomainReference files in, or render OPA bundles.')
    .requiredOption('-f, --file <files...>', 'PolicyDomain or PolicyDomainReference files', list)
    .option('--output-file <file>', 'where to write; default: beside the input')
    .addOption(new Option('--format <format>', 'what to make').choices(['domain', 'bundle']).default('domain'))
    .addOption(outputOption())
    .action(
      async (options: { file: string[]; outputFile?: string; format: 'domain' | 'bundle'; output: OutputFormat }) =>
        await build(io, options),
    );

  program
    .command('convert')
    .description('Convert PolicyDomain files between versions, with their meaning kept.')
    .requiredOption('-f, --file <files...>', 'PolicyDomain files', list)
    .addOption(
      new Option('--to <apiVersion>', 'version to convert to').choices(apiVersions).default('edict.dev/v1beta1'),
    )
    .option('--output-file <file>', 'where to write; default: standard output')
    .addOption(new Option('-o, --output <format>', 'form of the result').choices(['yaml', 'json']).default('yaml'))
    .action(
      async (options: { file: string[]; to: ApiVersion; outputFile?: string; output: 'yaml' | 'json' }) =>
        await convert(io, options),
    );
}

function addFleetCommands(program: Command, io: Io, env: Environment): void {
  const withFleet = async (options: FleetOptions, work: (fleet: Fleet) => Promise<void>): Promise<void> => {
    const fleet = await openFleet(options, env);
    try {
      await work(fleet);
    } finally {
      await fleet.close();
    }
  };
  const rollout = program.command('rollout').description('Watch, list and undo rollouts.');
  fleetOptions(rollout.command('status'))
    .description('Follow rollouts until every required PDP serves the newest revision.')
    .argument('[set]', 'a policy set; default: all of the namespace')
    .option('-w, --watch', 'wait until it is over', true)
    .option('--no-watch', 'show where it stands and end')
    .option('--timeout <duration>', 'how long to wait, such as 90s or 5m', duration, 300_000)
    .action(
      async (
        set: string | undefined,
        options: FleetOptions & { watch: boolean; timeout: number; output: OutputFormat },
      ) =>
        await withFleet(options, async (fleet) => {
          const { watch, timeout, output } = options;
          await rolloutStatus(io, fleet, { ...(set === undefined ? {} : { set }), watch, timeoutMs: timeout, output });
        }),
    );
  fleetOptions(rollout.command('history'))
    .description('List the revisions of a set, newest first.')
    .argument('[set]', 'a policy set; may be left out where there is one')
    .action(
      async (set: string | undefined, options: FleetOptions & { output: OutputFormat }) =>
        await withFleet(options, async (fleet) => await rolloutHistory(io, fleet, set, options.output)),
    );
  fleetOptions(rollout.command('undo'))
    .description('Serve the content of an earlier revision again, as a new revision.')
    .argument('[set]', 'a policy set; may be left out where there is one')
    .option('--to-revision <n>', 'that revision; default: the committed one before', revisionNumber)
    .option('--clear', 'end an earlier undo: serve what the domains say', false)
    .action(
      async (
        set: string | undefined,
        options: FleetOptions & { toRevision?: number; clear: boolean; output: OutputFormat },
      ) =>
        await withFleet(options, async (fleet) => {
          await rolloutUndo(io, fleet, { ...options, ...(set === undefined ? {} : { set }) });
        }),
    );
  fleetOptions(program.command('pdps'))
    .description('List the PDPs, what each serves, and what is wrong with it.')
    .action(
      async (options: FleetOptions & { output: OutputFormat }) =>
        await withFleet(options, async (fleet) => await pdps(io, fleet, options.output)),
    );
}

function addUp(program: Command, io: Io): void {
  program
    .command('up')
    .description('Run everything in this process: operator, PDPs, and a folder of YAML in place of the Kubernetes API.')
    .option(
      '--folder <folder>',
      'folder of PolicyDomain and PolicySet files; edits are rolled out as they happen',
      'policies',
    )
    .option('--pdps <count>', 'number of PDPs', count, 3)
    .option('--port <port>', 'port of the first PDP; the others follow. 0: free ports', port, 8181)
    .option('--api-port <port>', 'port of the API that the other commands use', port, 8180)
    .option('--state <folder>', 'where revisions and last-known-good policy are kept; default: .edict in the folder')
    .option('--records <file>', 'write access records to this file; - is standard output, default: none')
    .addOption(
      new Option('--log-level <level>', 'log level').choices(['error', 'warn', 'info', 'debug']).default('warn'),
    )
    .action(
      async (options: {
        folder: string;
        pdps: number;
        port: number;
        apiPort: number;
        state?: string;
        records?: string;
        logLevel: string;
      }) => await up(io, options),
    );
}

function fleetOptions(command: Command): Command {
  return command
    .option('-n, --namespace <namespace>', "namespace; default: the context's")
    .option('--kubeconfig <file>', 'kubeconfig; default: KUBECONFIG, ~/.kube/config')
    .option('--context <context>', 'context of the kubeconfig')
    .option('--server <url>', 'an all-in-one ("edict up"); default: EDICT_SERVER')
    .option('--operator-namespace <namespace>', 'where the operator runs', 'edict-system')
    .addOption(outputOption());
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'form of the output').choices(['text', 'json']).default('text');
}

/** Repeated and comma-separated values add up. */
function list(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), ...value.split(',')];
}

function oneOf<T extends string>(values: readonly T[]): (value: string) => T {
  return (value) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw new InvalidArgumentError(`one of ${values.join(', ')}`);
    return found;
  };
}

function duration(value: string): number {
  const ms = durationMs(value);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('a duration such as 90s or 5m');
  return ms;
}

function wholeNumber(value: string, least: number, most: number, what: string): number {
  const parsed = /^[0-9]{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(parsed) || parsed < least || parsed > most) {
    throw new InvalidArgumentError(`${what} from ${least} to ${most}`);
  }
  return parsed;
}
const port = (value: string): number => wholeNumber(value, 0, 65_535, 'a port');
const count = (value: string): number => wholeNumber(value, 1, 50, 'a number');
const revisionNumber = (value: string): number => wholeNumber(value, 1, 999_999_999, 'a revision');
