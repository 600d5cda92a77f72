import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { generateSigningKey } from '@edict/bundle';
import { selectorMatches } from '@edict/crds';
import {
  createOperator,
  formatFolderProblem,
  openFolderStore,
  systemClock,
  type MemberSource,
  type Operator,
} from '@edict/operator';
import { dialInMemory, type PeerIdentity } from '@edict/protocol';
import { createLogger, startPdp, writeDescriptor, type Pdp, type WriteBytes } from '@edict/server';
import { Registry } from 'prom-client';
import { CommandError, type Io } from '../io.ts';
import { startLocalApi } from '../up/local-api.ts';
import { loadSigningKey } from '../up/signing-key.ts';

export interface UpOptions {
  readonly folder: string;
  readonly pdps: number;
  /** Port of the first PDP; 0 for free ports. */
  readonly port: number;
  readonly apiPort: number;
  readonly state?: string;
  /** File for access records, `-` for stdout; none by default. */
  readonly records?: string;
  readonly logLevel: string;
}

const NAMESPACE = 'default';
const HOST = '127.0.0.1';
const MAX_BODY_BYTES = 8_388_608;
const MAX_STEPS = 10_000_000;
const REQUEST_TIMEOUT_MS = 10_000;
const AUDIT_BUFFER_BYTES = 16_777_216;
const DRAIN_MS = 2000;

/**
 * `edict up`: operator and PDPs in one process, over a folder in place of the Kubernetes API and an in-memory stream in
 * place of gRPC. Everything else is the code that runs in a cluster. Runs until interrupted.
 */
export async function up(io: Io, options: UpOptions): Promise<void> {
  const folder = resolve(options.folder);
  const state = resolve(options.state ?? join(folder, '.edict'));
  await mkdir(folder, { recursive: true });
  await mkdir(state, { recursive: true });
  const logger = createLogger(options.logLevel, (line) => io.stderr(`${line}\n`));
  const registry = new Registry();
  const store = await openFolderStore({
    folder,
    stateDirectory: join(state, 'store'),
    namespace: NAMESPACE,
    clock: systemClock,
    onProblems: (problems) => {
      for (const problem of problems) io.stderr(`${formatFolderProblem(problem)}\n`);
    },
  });
  const operator = createOperator({
    store,
    signingKey: await loadSigningKey(join(state, 'signing-key.json'), generateSigningKey),
    identity: 'edict-up',
    log: logger,
    events: {
      emit: ({ type, reason, message, regarding }) =>
        logOf(type)(`${regarding.kind} ${regarding.name}: ${reason}: ${message}`),
    },
    registry,
    members: localMembers(options.pdps),
  });
  function logOf(type: 'Normal' | 'Warning'): (text: string) => void {
    return type === 'Warning' ? (text) => io.stderr(`${text}\n`) : (text) => logger.info(text);
  }
  await operator.start();
  const records = await openRecords(options.records);
  const fleet: Pdp[] = [];
  for (let i = 0; i < options.pdps; i++) {
    fleet.push(await startOne(nameOf(i), i, { options, state, operator, logger, write: records.write }));
  }
  const api = await startLocalApi({ host: HOST, port: options.apiPort, store, operator, registry });
  io.stdout(`folder ${folder}\n`);
  for (const [i, pdp] of fleet.entries()) io.stdout(`PDP ${nameOf(i)} ${pdp.url}\n`);
  io.stdout(`API ${api.url} (edict rollout status --server ${api.url})\nready\n`);
  await interrupted(io.interrupted);
  await Promise.all(fleet.map(async (pdp) => await pdp.drain(0, DRAIN_MS)));
  await api.close();
  await operator.stop();
  await store.close();
  await records.close();
}

/** The PDPs of this process, as if they were pods of the default namespace with the labels of a fleet. */
function localMembers(count: number): MemberSource {
  const names = Array.from({ length: count }, (_, i) => nameOf(i));
  return {
    membersOf: ({ metadata, spec }) =>
      new Map(
        metadata.namespace === NAMESPACE
          ? names
              .filter((name) =>
                selectorMatches(spec.pdps.selector, { 'app.kubernetes.io/component': 'pdp', 'edict.dev/pdp': name }),
              )
              .map((name) => [name, `${NAMESPACE}/${name}`])
          : [],
      ),
    onChange: () => () => undefined,
  };
}

function nameOf(index: number): string {
  return `pdp-${index + 1}`;
}

interface Shared {
  readonly options: UpOptions;
  readonly state: string;
  readonly operator: Operator;
  readonly logger: ReturnType<typeof createLogger>;
  readonly write: WriteBytes;
}

async function startOne(
  name: string,
  index: number,
  { options, state, operator, logger, write }: Shared,
): Promise<Pdp> {
  const identity: PeerIdentity = {
    nodeId: name,
    podName: name,
    namespace: NAMESPACE,
    serviceAccount: 'edict-up',
    sets: [],
  };
  const port = options.port === 0 ? 0 : options.port + index;
  const dataDir = join(state, name);
  await mkdir(dataDir, { recursive: true });
  try {
    return await startPdp({
      host: HOST,
      port,
      dataDir,
      maxBodyBytes: MAX_BODY_BYTES,
      maxSteps: MAX_STEPS,
      includeAll: true,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      auditBufferBytes: AUDIT_BUFFER_BYTES,
      onAuditFull: 'Drop',
      writeRecords: write,
      logger: logger.child({ pdp: name }),
      dial: dialInMemory(identity, (peer, stream) => operator.distributor().accept(peer, stream)),
      fetchArtifact: async (_source, digest, signal) => {
        const backend = operator.backend();
        const bytes = (await backend.getManifest(digest, signal)) ?? (await backend.getBundle(digest, signal));
        if (bytes === undefined) throw new Error(`no artifact ${digest}`);
        return bytes;
      },
      trustedKeys: async () => {
        const { keyId, publicKey } = await loadSigningKey(join(state, 'signing-key.json'), generateSigningKey);
        return new Map([[keyId, publicKey]]);
      },
    });
  } catch (error) {
    if (error !== null && typeof error === 'object' && 'code' in error && error.code === 'EADDRINUSE') {
      throw new CommandError(`port ${port} is in use: choose another with --port, or --port 0 for free ones`);
    }
    throw error;
  }
}

async function openRecords(
  path: string | undefined,
): Promise<{ readonly write: WriteBytes; readonly close: () => Promise<void> }> {
  if (path === undefined) return { write: (_bytes, done) => done(null), close: () => Promise.resolve() };
  if (path === '-') return { write: writeDescriptor(1), close: () => Promise.resolve() };
  const file: FileHandle = await open(path, 'a', 0o600);
  return { write: writeDescriptor(file.fd), close: async () => await file.close() };
}

async function interrupted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
