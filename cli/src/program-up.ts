import { Option, type Command } from 'commander';
import { up } from './commands/up.ts';
import type { Io } from './io.ts';
import { pdpCount, port } from './option-values.ts';

/** `edict up`, the all-in-one. */
export function addUp(program: Command, io: Io): void {
  program
    .command('up')
    .description('Run everything in this process: operator, PDPs, and a folder of YAML in place of the Kubernetes API.')
    .option('--folder <folder>', 'folder of PolicyDomain and PolicySet files; edits are rolled out', 'policies')
    .option('--pdps <count>', 'number of PDPs', pdpCount, 3)
    .option('--port <port>', 'port of the first PDP; the others follow. 0: free ports', port, 8181)
    .option('--api-port <port>', 'port of the API that the other commands use; 0: a free one', port, 8180)
    .option('--console-port <port>', 'port of the web console; 0: a free one, default: none', port)
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
        consolePort?: number;
        state?: string;
        records?: string;
        logLevel: string;
      }) => await up(io, options),
    );
}
