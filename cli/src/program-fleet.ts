import { Option, type Command } from 'commander';
import { bundleExport } from './commands/bundle-export.ts';
import { pdps } from './commands/pdps.ts';
import { rolloutHistory } from './commands/rollout-history.ts';
import { rolloutStatus } from './commands/rollout-status.ts';
import { rolloutUndo } from './commands/rollout-undo.ts';
import type { Fleet, FleetOptions } from './fleet/fleet.ts';
import { openFleet } from './fleet/open-fleet.ts';
import type { Io, OutputFormat } from './io.ts';
import { duration, httpUrl, list, outputOption, revisionNumber } from './option-values.ts';

/** The commands that ask a running Edict. */
export function addFleetCommands(
  program: Command,
  io: Io,
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): void {
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
    .description('Follow rollouts until every required PDP serves the newest revision; exit with 1 if one fails.')
    .argument('[set]', 'a policy set; default: all of the namespace')
    .option('-w, --watch', 'wait until it is over (the default)')
    .option('--no-watch', 'show where it stands and end')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait, such as 90s or 5m')
        .argParser(duration)
        .default(300_000, '5m'),
    )
    .action(
      async (
        set: string | undefined,
        {
          watch = true,
          timeout,
          output,
          ...options
        }: FleetOptions & { watch?: boolean; timeout: number; output: OutputFormat },
      ) =>
        await withFleet(options, async (fleet) => {
          await rolloutStatus(io, fleet, { ...(set === undefined ? {} : { set }), watch, timeoutMs: timeout, output });
        }),
    );
  fleetOptions(rollout.command('history'))
    .description('List the revisions of a set, newest first; * marks the one that serves.')
    .argument('[set]', 'a policy set; may be left out where there is one')
    .action(
      async (set: string | undefined, options: FleetOptions & { output: OutputFormat }) =>
        await withFleet(options, async (fleet) => await rolloutHistory(io, fleet, set, options.output)),
    );
  fleetOptions(rollout.command('undo'))
    .description('Serve the content of an earlier revision again, as a new revision.')
    .argument('[set]', 'a policy set; may be left out where there is one')
    .option('--to-revision <n>', 'that revision; default: the committed one before', revisionNumber)
    .addOption(new Option('--clear', 'end an earlier undo: serve what the domains say').conflicts('toRevision'))
    .action(
      async (
        set: string | undefined,
        { clear = false, ...options }: FleetOptions & { toRevision?: number; clear?: boolean; output: OutputFormat },
      ) =>
        await withFleet(options, async (fleet) => {
          await rolloutUndo(io, fleet, { ...options, clear, program: name, ...(set === undefined ? {} : { set }) });
        }),
    );
  const bundle = program.command('bundle').description('Take committed policy out of a running Edict.');
  fleetOptions(bundle.command('export'))
    .description(
      'Write the committed revision of sets as files that a web server can hold for PDPs without an operator.',
    )
    .requiredOption('--set <set>', 'a policy set; may be repeated', list)
    .requiredOption('--out <folder>', 'the folder to write to; others of the same sets are replaced there')
    .action(
      async ({ set, out, output, ...options }: FleetOptions & { set: string[]; out: string; output: OutputFormat }) =>
        await withFleet(options, async (fleet) => await bundleExport(io, fleet, { sets: set, out, output })),
    );
  fleetOptions(program.command('pdps'))
    .description('List the PDPs, what each serves, and what is wrong with it.')
    .action(
      async (options: FleetOptions & { output: OutputFormat }) =>
        await withFleet(options, async (fleet) => await pdps(io, fleet, options.output)),
    );
}

function fleetOptions(command: Command): Command {
  return command
    .option('-n, --namespace <namespace>', "namespace; default: the context's")
    .option('--kubeconfig <file>', 'kubeconfig; default: KUBECONFIG, ~/.kube/config')
    .option('--context <context>', 'context of the kubeconfig')
    .addOption(
      new Option(
        '--server <url>',
        'an all-in-one ("edict up"); default: EDICT_SERVER, or the usual port where there is no kubeconfig',
      ).argParser(httpUrl),
    )
    .option('--operator-namespace <namespace>', 'where the operator runs', 'edict-system')
    .addOption(outputOption());
}
