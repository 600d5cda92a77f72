import { Option, type Command } from 'commander';
import { PDP_STATES, type PdpState } from '@edict/operator/views';
import { diff } from './commands/diff.ts';
import { pdps } from './commands/pdps.ts';
import { why } from './commands/why.ts';
import type { FleetOptions } from './fleet/fleet.ts';
import type { FleetOutput } from './io.ts';
import { revisionNumber } from './option-values.ts';
import { fleetOptions, type FleetContext } from './program-fleet-options.ts';

/** The commands about PDPs, and about what revisions differ in. */
export function addPdpCommands(program: Command, { io, name, withFleet }: FleetContext): void {
  const set = (): Option => new Option('-s, --set <set>', 'a policy set; may be left out where there is one');
  fleetOptions(program.command('pdps'))
    .description("List the PDPs of the namespace's sets, what each serves, and what is wrong with it.")
    .argument('[set]', 'a policy set; default: all of the namespace')
    .addOption(new Option('--state <state>', 'only those in this state').choices(PDP_STATES))
    .addHelpText('after', `\nExamples:\n  ${name} pdps payments --state Laggard\n  ${name} pdps -o json`)
    .action(
      async (of: string | undefined, options: FleetOptions & { state?: PdpState; output: FleetOutput }) =>
        await withFleet(options, async (fleet) => {
          const { state, output } = options;
          const chosen = of === undefined ? {} : { set: of };
          await pdps(io, fleet, { ...chosen, output, ...(state === undefined ? {} : { state }) });
        }),
    );
  fleetOptions(program.command('why'))
    .description('Say what keeps a PDP from serving what it should, and what to do.')
    .argument('<pdp>', 'name of its pod')
    .addOption(new Option('-s, --set <set>', 'a policy set; default: all that it serves'))
    .addHelpText('after', `\nExample:\n  ${name} why payments-pdp-7d9f-x2x4p`)
    .action(
      async (pdp: string, options: FleetOptions & { set?: string; output: FleetOutput }) =>
        await withFleet(options, async (fleet) => {
          const { set: of, output } = options;
          await why(io, fleet, { pdp, output, ...(of === undefined ? {} : { set: of }) });
        }),
    );
  fleetOptions(program.command('diff'))
    .description('Show what changes from one revision of a set to another, and for whom, where that was observed.')
    .argument('<from>', 'a revision', revisionNumber)
    .argument('<to>', 'another', revisionNumber)
    .addOption(set())
    .addHelpText('after', `\nExample:\n  ${name} diff 41 42 --set payments`)
    .action(
      async (from: number, to: number, options: FleetOptions & { set?: string; output: FleetOutput }) =>
        await withFleet(options, async (fleet) => {
          const { set: of, output } = options;
          await diff(io, fleet, { from, to, output, ...(of === undefined ? {} : { set: of }) });
        }),
    );
}
