import type { Command } from 'commander';
import { doctor } from './commands/doctor.ts';
import type { FleetOutput, Io } from './io.ts';
import { fleetOutputOption } from './option-values.ts';

interface Options {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly operatorNamespace: string;
  readonly failOnWarning?: boolean;
  readonly output: FleetOutput;
}

/** `edict doctor`: the one command that looks at a whole installation. */
export function addDoctor(program: Command, io: Io, name: string): void {
  program
    .command('doctor')
    .description(
      'Say what is wrong with an installation in a cluster, where, and what to do; exit with 1 if something is. It changes nothing.',
    )
    .option('-n, --namespace <namespace>', 'policy of this namespace only; default: of all')
    .option('--kubeconfig <file>', 'kubeconfig; default: KUBECONFIG, ~/.kube/config')
    .option('--context <context>', 'context of the kubeconfig')
    .option('--operator-namespace <namespace>', 'where the operator runs', 'edict-system')
    .option('--fail-on-warning', 'exit with 1 on warnings, too')
    .addOption(fleetOutputOption())
    .addHelpText(
      'after',
      `\nExamples:\n  ${name} doctor\n  ${name} doctor -n shop -o json | jq '.findings[] | {code, where}'`,
    )
    .action(async ({ output, failOnWarning = false, namespace, operatorNamespace, ...where }: Options) => {
      // The Kubernetes client is loaded only by who needs it.
      const { withInstallation } = await import('./kube/with-installation.ts');
      const options = { operatorNamespace, ...(namespace === undefined ? {} : { namespace }), now: Date.now };
      await withInstallation(where, options, async (gather) => await doctor(io, gather, { output, failOnWarning }));
    });
}
