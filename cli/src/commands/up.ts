import { mkdir, open } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { generateSigningKey, type SigningKey } from '@edict/bundle';
import {
  createOperator,
  fixedSigner,
  formatFolderProblem,
  isStoreError,
  openFolderStore,
  systemClock,
  type EventSink,
  type FolderStore,
} from '@edict/operator';
import {
  createLogger,
  loadSigningKey,
  SigningKeyFileError,
  writeDescriptor,
  type Pdp,
  type WriteBytes,
} from '@edict/server';
import { Registry } from 'prom-client';
import { CommandError, messageOf, type Io } from '../io.ts';
import { placesOf } from '../up/domain-places.ts';
import { startLocalApi } from '../up/local-api.ts';
import { startLocalConsole, type LocalConsoleOptions } from '../up/local-console.ts';
import { localMembers, localPdpName, startLocalPdp } from '../up/local-pdps.ts';

export interface UpOptions {
  readonly folder: string;
  readonly pdps: number;
  /** Port of the first PDP; 0 for free ports. */
  readonly port: number;
  readonly apiPort: number;
  /** Port of the web console; 0 for a free one. Absent: none. */
  readonly consolePort?: number;
  readonly state?: string;
  /** File for access records, `-` for stdout; none by default. */
  readonly records?: string;
  readonly logLevel: string;
}

const NAMESPACE = 'default';
const HOST = '127.0.0.1';
const DRAIN_MS = 2000;
const HIGHEST_PORT = 65_535;

/**
 * `edict up`: operator and PDPs in one process, over a folder in place of the Kubernetes API and an in-memory stream in
 * place of gRPC. Everything else is the code that runs in a cluster. Runs until interrupted, then ends in order: PDPs
 * drain, the operator stops, the folder is let go. So it does when a later part cannot start.
 */
export async function up(io: Io, options: UpOptions): Promise<void> {
  if (options.port + options.pdps - 1 > HIGHEST_PORT) {
    throw new CommandError(`${options.pdps} PDPs from port ${options.port} on go beyond port ${HIGHEST_PORT}`);
  }
  const interrupted = io.interrupted();
  const folder = resolve(options.folder);
  const state = resolve(options.state ?? join(folder, '.edict'));
  // Undone in reverse, whether the user ends the process or a part fails to start.
  await using parts = new AsyncDisposableStack();

  const logger = createLogger(options.logLevel, (line) => io.stderr(`${line}\n`));
  const store = parts.adopt(await openStore(io, folder, state), (opened) => opened.close());
  const registry = new Registry();
  const signingKey = await signingKeyOf(join(state, 'signing-key.json'));
  const events = eventsTo(io, folder, (text) => logger.info(text));
  const operator = createOperator({
    store,
    signer: fixedSigner(signingKey),
    identity: 'edict-up',
    log: logger,
    events,
    registry,
    members: localMembers(NAMESPACE, options.pdps),
  });
  parts.defer(() => operator.stop());
  await operator.start();

  const records = await openRecords(options.records);
  parts.defer(records.close);
  // Taken before the PDPs' ports: who asks this API is told of PDPs that are on their way.
  const user = userInfo().username;
  const api = await startLocalApi({
    host: HOST,
    port: options.apiPort,
    folder,
    store,
    operator,
    registry,
    events,
    user,
  });
  parts.defer(api.close);
  const pdps: Pdp[] = [];
  parts.defer(async () => {
    await Promise.all(pdps.map((pdp) => pdp.drain(0, DRAIN_MS)));
  });
  const shared = { host: HOST, state, namespace: NAMESPACE, operator, signingKey, logger, write: records.write };
  for (let i = 0; i < options.pdps; i++) {
    pdps.push(await startLocalPdp(i, options.port === 0 ? 0 : options.port + i, shared));
  }

  const shown =
    options.consolePort === undefined
      ? ''
      : await openConsole(parts, { host: HOST, port: options.consolePort, store, operator, events, user, log: logger });

  io.stdout(`folder ${folder}\n`);
  for (const [i, pdp] of pdps.entries()) io.stdout(`PDP ${localPdpName(i)} ${pdp.url}\n`);
  io.stdout(`API ${api.url} (edict rollout status --server ${api.url})\n${shown}ready\n`);
  await aborted(interrupted);
}

/** Starts the web console, and says where it is and what lets in. */
async function openConsole(parts: AsyncDisposableStack, options: LocalConsoleOptions): Promise<string> {
  const { url, token, close } = await startLocalConsole(options);
  parts.defer(close);
  return `console ${url} (token ${token})\n`;
}

/** Opens the folder for this process alone. */
async function openStore(io: Io, folder: string, state: string): Promise<FolderStore> {
  try {
    await mkdir(folder, { recursive: true });
    await mkdir(state, { recursive: true, mode: 0o700 });
    return await openFolderStore({
      folder,
      stateDirectory: join(state, 'store'),
      namespace: NAMESPACE,
      clock: systemClock,
      onProblems: (problems) => {
        for (const problem of problems) io.stderr(`${formatFolderProblem(problem)}\n`);
      },
    });
  } catch (error) {
    if (isStoreError(error, 'Unavailable')) throw new CommandError(`${folder} is in use: ${error.message}`);
    throw new CommandError(`cannot use ${folder}: ${messageOf(error)}`);
  }
}

/** Events as `kubectl get events` would show them: warnings always, the rest to the log. Refusals name lines of files. */
function eventsTo(io: Io, folder: string, info: (text: string) => void): EventSink {
  return {
    emit: ({ type, reason, message, regarding }) => {
      const text = `${regarding.kind} ${regarding.name}: ${reason}`;
      const warn = (why: string): void => io.stderr(`${text}: ${why}\n`);
      if (type !== 'Warning') info(`${text}: ${message}`);
      else if (reason !== 'Refused' || regarding.kind !== 'PolicyDomain') warn(message);
      else {
        placesOf(folder, regarding.name).then(
          (places) => warn(places.length === 0 ? message : places.join('\n  ')),
          (error: unknown) => warn(`${message} (the files cannot be read: ${messageOf(error)})`),
        );
      }
    },
  };
}

async function openRecords(
  path: string | undefined,
): Promise<{ readonly write: WriteBytes; readonly close: () => Promise<void> }> {
  if (path === undefined) return { write: (_bytes, done) => done(null), close: () => Promise.resolve() };
  if (path === '-') return { write: writeDescriptor(1), close: () => Promise.resolve() };
  try {
    const file = await open(path, 'a', 0o600);
    return { write: writeDescriptor(file.fd), close: () => file.close() };
  } catch (error) {
    throw new CommandError(`cannot write access records to ${path}: ${messageOf(error)}`);
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

async function signingKeyOf(path: string): Promise<SigningKey> {
  try {
    return await loadSigningKey(path, generateSigningKey);
  } catch (error) {
    if (!(error instanceof SigningKeyFileError)) throw error;
    throw new CommandError(`${error.message}: restore it, or delete the state folder to begin anew`);
  }
}
