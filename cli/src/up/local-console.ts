import { randomBytes } from 'node:crypto';
import { systemClock, type EventSink, type FolderStore, type Operator, type OperatorLog } from '@edict/operator';
import { createLocalAccess, loadPageFiles, sourceOf, startConsoleServer } from '@edict/operator/console';
import { codeOf, CommandError } from '../io.ts';
import { VERSION } from '../version.ts';

export interface LocalConsoleOptions {
  readonly host: string;
  readonly port: number;
  readonly store: FolderStore;
  readonly operator: Operator;
  readonly events: EventSink;
  /** Who uses this machine. */
  readonly user: string;
  readonly log: OperatorLog;
}

export interface LocalConsole {
  readonly url: string;
  /** What lets in; made anew by each process. */
  readonly token: string;
  readonly close: () => Promise<void>;
}

/** The web console of the all-in-one, for this machine alone. A port in use is a `CommandError`. */
export async function startLocalConsole(options: LocalConsoleOptions): Promise<LocalConsole> {
  const { host, port, store, operator, events, user, log } = options;
  const token = randomBytes(24).toString('base64url');
  const source = sourceOf(operator, { store, events });
  try {
    const server = await startConsoleServer({
      host,
      port,
      page: await loadPageFiles(),
      access: createLocalAccess(token, user),
      source: () => source,
      leader: () => LOCAL_REPLICA,
      replica: LOCAL_REPLICA,
      version: VERSION,
      clock: systemClock,
      log,
    });
    return { url: `http://${host}:${server.port}/`, token, close: server.close };
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    throw new CommandError(`port ${port} of the console is in use: choose another with --console-port, or 0`);
  }
}

const LOCAL_REPLICA = 'edict-up';
