import { InvalidArgumentError, type Command } from 'commander';
import { listKeys, revokeKey, rotateKeys } from './commands/keys.ts';
import type { FleetOptions } from './fleet/fleet.ts';
import type { KeyDesk } from './fleet/key-desk.ts';
import type { FleetOutput, Io } from './io.ts';
import { fleetOutputOption } from './option-values.ts';

type KeyOptions = Pick<FleetOptions, 'kubeconfig' | 'context' | 'operatorNamespace'>;

/** The commands about the keys that sign policy. */
export function addKeyCommands(program: Command, io: Io, name: string): void {
  const withDesk = async (options: KeyOptions, work: (desk: KeyDesk) => Promise<void>): Promise<void> => {
    const { createKeyDesk } = await import('./kube/kube-keys.ts');
    const desk = createKeyDesk(options);
    try {
      await work(desk);
    } finally {
      desk.close();
    }
  };
  const keys = program
    .command('keys')
    .description('See, rotate and revoke the keys that sign policy (docs/key-rotation.md).');
  clusterOptions(keys.command('list'))
    .description('List the keys, what each is, and what a rotation waits for.')
    .addOption(fleetOutputOption())
    .action(
      async ({ output, ...options }: KeyOptions & { output: FleetOutput }) =>
        await withDesk(options, async (desk) => await listKeys(io, desk, output, Date.now())),
    );
  clusterOptions(keys.command('rotate'))
    .description('Ask for a new key: PDPs trust it before it signs, and the old one until nothing rests on it.')
    .addHelpText('after', `\nExample:\n  ${name} keys rotate && ${name} keys list`)
    .action(
      async (options: KeyOptions) =>
        await withDesk(options, async (desk) => await rotateKeys(io, desk, name, Date.now())),
    );
  clusterOptions(keys.command('revoke'))
    .description('Have nobody trust a key any more, at once: for a key that others may have.')
    .argument('<key>', 'its id, as "keys list" shows it', keyId)
    .option('-y, --yes', 'also the key that signs now')
    .action(
      async (key: string, { yes = false, ...options }: KeyOptions & { yes?: boolean }) =>
        await withDesk(options, async (desk) => await revokeKey(io, desk, { keyId: key, isSure: yes, program: name })),
    );
}

function clusterOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig; default: KUBECONFIG, ~/.kube/config')
    .option('--context <context>', 'context of the kubeconfig')
    .option('--operator-namespace <namespace>', 'where the operator runs', 'edict-system');
}

function keyId(text: string): string {
  if (/^[0-9a-f]{16}$/.test(text)) return text;
  throw new InvalidArgumentError('A key has an id of 16 hexadecimal digits.');
}
