import { Option, type Command } from 'commander';
import type { Fleet, FleetOptions } from './fleet/fleet.ts';
import type { Io } from './io.ts';
import { fleetOutputOption, httpUrl } from './option-values.ts';

/** What a command that asks a running Edict works with. */
export interface FleetContext {
  readonly io: Io;
  /** What the user calls this program. */
  readonly name: string;
  readonly withFleet: (options: FleetOptions, work: (fleet: Fleet) => Promise<void>) => Promise<void>;
}

/** Where Edict is, and the form of the output. */
export function fleetOptions(command: Command): Command {
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
    .addOption(fleetOutputOption());
}
