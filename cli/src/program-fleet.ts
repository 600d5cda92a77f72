import { Option, type Command } from 'commander';
import { bundleExport } from './commands/bundle-export.ts';
import { addPdpCommands } from './program-pdps.ts';
import { addRolloutActions } from './program-rollout.ts';
import { rolloutHistory } from './commands/rollout-history.ts';
import { rolloutStatus } from './commands/rollout-status.ts';
import type { Fleet, FleetOptions } from './fleet/fleet.ts';
import { openFleet } from './fleet/open-fleet.ts';
import type { FleetOutput, Io } from './io.ts';
import { duration, list } from './option-values.ts';
import { fleetOptions } from './program-fleet-options.ts';

const HISTORY =
  'List the revisions of a set, newest first: who asked for each, how long it took; * marks the one that serves.';

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
  const history = async (set: string | undefined, options: FleetOptions & { output: FleetOutput }): Promise<void> =>
    await withFleet(options, async (fleet) => await rolloutHistory(io, fleet, set, options.output));
  const rollout = program.command('rollout').description('Watch rollouts, and say how they go on.');
  fleetOptions(rollout.command('status'))
    .description('Follow rollouts until every required PDP serves the newest revision; exit with 1 if one fails.')
    .argument('[set]', 'a policy set; default: all of the namespace')
    .option('-w, --watch', 'wait until it is over (the default)')
    .option('--no-watch', 'show where it stands and end')
    .addHelpText(
      'after',
      `
Examples:
  ${name} rollout status                     # every set of the namespace, until all are there
  ${name} rollout status payments --timeout 15m
  ${name} rollout status payments --no-watch -o yaml`,
    )
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
        }: FleetOptions & { watch?: boolean; timeout: number; output: FleetOutput },
      ) =>
        await withFleet(options, async (fleet) => {
          await rolloutStatus(io, fleet, { ...(set === undefined ? {} : { set }), watch, timeoutMs: timeout, output });
        }),
    );
  fleetOptions(rollout.command('history'))
    .description(HISTORY)
    .argument('[set]', 'a policy set; may be left out where there is one')
    .action(history);
  fleetOptions(program.command('history'))
    .description(`${HISTORY} The same as "rollout history".`)
    .argument('[set]', 'a policy set; may be left out where there is one')
    .action(history);
  addRolloutActions(rollout, { io, name, withFleet });
  addPdpCommands(program, { io, name, withFleet });
  const bundle = program.command('bundle').description('Take committed policy out of a running Edict.');
  fleetOptions(bundle.command('export'))
    .description(
      'Write the committed revision of sets as files that a web server can hold for PDPs without an operator.',
    )
    .requiredOption('--set <set>', 'a policy set; may be repeated', list)
    .requiredOption('--out <folder>', 'the folder to write to; others of the same sets are replaced there')
    .action(
      async ({ set, out, output, ...options }: FleetOptions & { set: string[]; out: string; output: FleetOutput }) =>
        await withFleet(options, async (fleet) => await bundleExport(io, fleet, { sets: set, out, output })),
    );
}
