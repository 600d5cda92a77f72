import { Option, type Command } from 'commander';
import type { ActionBody, ActionName } from '@edict/operator/views';
import { rolloutAction } from './commands/rollout-action.ts';
import type { FleetOptions } from './fleet/fleet.ts';
import type { FleetOutput } from './io.ts';
import { revisionNumber, waveNumber } from './option-values.ts';
import { fleetOptions, type FleetContext } from './program-fleet-options.ts';

interface ActionOptions extends FleetOptions {
  readonly output: FleetOutput;
  readonly reason?: string;
  readonly revision?: number;
  readonly wave?: number;
  readonly toRevision?: number;
  readonly now?: boolean;
  readonly clear?: boolean;
}

/** The commands that say how a rollout goes on. Each is one write, in the user's own name. */
export function addRolloutActions(rollout: Command, { io, name, withFleet }: FleetContext): void {
  const action = (of: ActionName, description: string, examples: readonly string[]): Command =>
    fleetOptions(rollout.command(of))
      .description(description)
      .argument('[set]', 'a policy set; may be left out where there is one')
      .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${name} rollout ${line}`).join('\n')}`)
      .action(
        async (set: string | undefined, options: ActionOptions) =>
          await withFleet(options, async (fleet) => {
            const chosen = set === undefined ? {} : { set };
            await rolloutAction(io, fleet, of, {
              ...chosen,
              body: bodyOf(options),
              output: options.output,
              program: name,
            });
          }),
      );
  const revision = (): Option =>
    new Option('--revision <n>', 'refuse unless this is the newest revision').argParser(revisionNumber);
  action('pause', 'Open no new rollout of a set, and decide nothing of the one under way.', [
    'pause payments --reason "change freeze"',
  ]).option('--reason <text>', 'why; kept beside it');
  action('resume', 'Let a paused set go on.', ['resume payments']);
  action('approve', 'Approve the wave that waits, or one ahead.', ['approve payments', 'approve payments --wave 2'])
    .option('--wave <k>', 'this wave, as "rollout status" counts them: from 1', waveNumber)
    .addOption(revision());
  action('abort', 'End the rollout under way; what some were served already is taken back.', [
    'abort payments --reason "denies the night shift"',
  ])
    .requiredOption('--reason <text>', 'why; it becomes the cause in the status')
    .addOption(revision());
  action('undo', 'Serve the content of an earlier revision again, as a new revision.', [
    'undo payments',
    'undo payments --to-revision 41 --reason "see incident 7"',
    'undo payments --now        # skips waves, shadow evaluation and approval',
    'undo payments --clear      # serve what the domains say again',
  ])
    .option('--to-revision <n>', 'that revision; default: the committed one before', revisionNumber)
    .option('--now', 'at once: an emergency, which the history says')
    .option('--reason <text>', 'why; the history says it')
    .addOption(
      new Option('--clear', 'end an earlier undo: serve what the domains say').conflicts(['toRevision', 'now']),
    );
}

function bodyOf({ reason, revision, wave, toRevision, now, clear }: ActionOptions): ActionBody {
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(revision === undefined ? {} : { revision }),
    ...(wave === undefined ? {} : { wave: wave - 1 }),
    ...(toRevision === undefined ? {} : { toRevision }),
    ...(now === undefined ? {} : { now }),
    ...(clear === undefined ? {} : { clear }),
  };
}
