import { readFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { parseTrustedKeys } from '@edict/bundle';
import { createArtifactClient, dialGrpc, messageOf, StreamConnection, systemClock } from '@edict/protocol';
import { answeringOptions } from './answering-options.ts';
import { LineWriter } from './audit/line-writer.ts';
import { writeDescriptor } from './audit/write-descriptor.ts';
import { describeConfig, loadConfig, unknownSettings, type Config } from './config.ts';
import { parseGrpcAddress } from './grpc/grpc-address.ts';
import { createLogger, type Logger } from './observability/logger.ts';
import { startPdp, type PdpOptions } from './pdp.ts';
import type { PolicyOrigin } from './policy-origin.ts';
import { createFallbackClient } from './sync/fallback-client.ts';
import { WORKER_VARIABLE } from './workers/worker-variable.ts';

const LOG_BUFFER_BYTES = 4_194_304;
/** At the end, log lines that nobody reads are waited for this long and no longer. */
const LOG_DRAIN_MS = 1_000;

const [argument, ...rest] = process.argv.slice(2);
const watches = argument === '--watch' && rest.length === 0;
if (argument === '--help') {
  console.log(`Edict policy decision point. Configured by environment variables:\n${describeConfig()}`);
} else if (argument !== undefined && !watches) {
  console.error(
    `unknown argument ${[argument, ...rest].join(' ')}: it is configured by environment variables, which --help lists`,
  );
  process.exitCode = 1;
} else {
  try {
    const config = loadConfig(watches ? { ...process.env, EDICT_PDP_POLICY_WATCH: 'true' } : process.env);
    if (process.env[WORKER_VARIABLE] === undefined) await run(config);
    else await runAsWorker(config, Number(process.env[WORKER_VARIABLE]));
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
    // Its channel to the primary would keep a worker alive.
    if (process.connected) process.disconnect?.();
  }
}

async function run(config: Config): Promise<void> {
  const stdout = writeDescriptor(1);
  const lines = logLines(stdout);
  const logger = createLogger(config.EDICT_PDP_LOG_LEVEL, (line) => lines.offer(line));
  for (const name of unknownSettings(process.env)) {
    logger.warn('a variable that is not known has no effect: --help lists those that have', { name });
  }
  const origin = await originOf(config, logger);
  const starting = startPdp({
    ...answeringOptions(config, { writeRecords: stdout, logger, worker: undefined, env: process.env }),
    dataDir: config.EDICT_PDP_DATA_DIR,
    health: healthAddressOf(config),
    workers: config.EDICT_PDP_WORKERS === 1 ? undefined : await workersOf(config.EDICT_PDP_WORKERS),
    compileLimits: {
      timeoutMs: config.EDICT_PDP_COMPILE_TIMEOUT_MS,
      maxHeapMb: config.EDICT_PDP_COMPILE_MAX_HEAP_MB,
    },
    dial: origin.dial,
    fetchArtifact: origin.fetchArtifact,
    trustedKeys: origin.trustedKeys,
    ...(origin.decisions === undefined ? {} : { decisions: origin.decisions }),
    fallback: {
      sources: config.EDICT_PDP_FALLBACK_SOURCES,
      sets: config.EDICT_PDP_FALLBACK_SETS,
      get: createFallbackClient({
        caFile: config.EDICT_PDP_FALLBACK_CA_FILE,
        tokenFile: config.EDICT_PDP_FALLBACK_TOKEN_FILE,
      }),
      times: { afterMs: config.EDICT_PDP_FALLBACK_AFTER_MS },
    },
    collectGarbage: collectorOf(globalThis.gc),
  });
  const stop = async (signal: string): Promise<void> => {
    logger.info('stopping', { signal });
    try {
      const pdp = await starting;
      await pdp.drain(config.EDICT_PDP_DRAIN_DELAY_MS, config.EDICT_PDP_DRAIN_TIMEOUT_MS);
      await origin.close();
    } catch (error) {
      logger.error('not stopped in order', { error: messageOf(error) });
      process.exitCode = 1;
    }
    await lines.drained(LOG_DRAIN_MS);
    process.exit();
  };
  // Sent by who rotates files of records.
  process.on('SIGHUP', () => {
    void starting.then(
      (pdp) => pdp.reopenRecords(),
      () => undefined, // the start tells why it failed
    );
  });
  // As process 1 of a container there is no default: without a handler a signal during the start would do nothing.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));
  const pdp = await starting;
  origin.start(pdp.metrics);
}

/** Where the policy comes from; what reads files is loaded only where there are some. */
async function originOf(config: Config, logger: Logger): Promise<PolicyOrigin> {
  if (config.EDICT_PDP_POLICY_PATH !== '') {
    const { fileOrigin } = await import('./static/file-origin.ts');
    return await fileOrigin({
      path: config.EDICT_PDP_POLICY_PATH,
      watch: config.EDICT_PDP_POLICY_WATCH === 'true',
      dataDir: config.EDICT_PDP_DATA_DIR,
      allowedBuiltins: config.EDICT_PDP_ALLOWED_BUILTINS,
      logger,
    });
  }
  const connection = new StreamConnection();
  const artifacts = createArtifactClient({
    url: config.EDICT_PDP_BUNDLES_URL,
    caFile: config.EDICT_PDP_CA_FILE,
    // The leader names itself by address; its certificate bears the Service's name.
    serverName: new URL(config.EDICT_PDP_BUNDLES_URL).hostname,
    connection,
    clock: systemClock,
    random: () => Math.random(),
  });
  return {
    dial: dialGrpc({
      address: config.EDICT_PDP_OPERATOR_ADDRESS,
      caFile: config.EDICT_PDP_CA_FILE,
      tokenFile: config.EDICT_PDP_TOKEN_FILE,
      connection,
      clock: systemClock,
    }),
    fetchArtifact: artifacts.fetch,
    decisions: config.EDICT_PDP_DECISIONS,
    trustedKeys: async () => parseTrustedKeys(await readFile(config.EDICT_PDP_KEYS_FILE, 'utf8')),
    start: () => undefined,
    close: () => {
      artifacts.close();
      return Promise.resolve();
    },
  };
}

/** One of several processes that answer; what it is to know comes from the primary, and so does the order to end. */
async function runAsWorker(config: Config, worker: number): Promise<void> {
  const { runWorker } = await import('./workers/run-worker.ts');
  const { primaryChannel } = await import('./workers/primary-channel.ts');
  const stdout = writeDescriptor(1);
  const lines = logLines(stdout);
  const logger = createLogger(config.EDICT_PDP_LOG_LEVEL, (line) => lines.offer(line)).child({ worker });
  // A terminal, or a container that stops, sends them to every process; the primary says when it is time.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  await runWorker(
    answeringOptions(config, { writeRecords: stdout, logger, worker, env: process.env }),
    primaryChannel(),
    collectorOf(globalThis.gc),
  );
  await lines.drained(LOG_DRAIN_MS);
  process.exit();
}

/** One writer for logs and records: lines of both stay whole, and a stalled reader stops neither decisions nor us. */
function logLines(write: ReturnType<typeof writeDescriptor>): LineWriter {
  return new LineWriter({
    write,
    maxBufferedBytes: LOG_BUFFER_BYTES,
    onDropped: () => undefined,
    onError: () => undefined,
  });
}

/**
 * Node has a way to collect garbage only if a flag asks for it. The bytecode of functions that were not called since the collection
 * before goes too, which V8 keeps for six: what only the start and a new policy run is compiled again when it is needed.
 */
function collectorOf(gc: typeof globalThis.gc): PdpOptions['collectGarbage'] {
  return (
    gc &&
    (() => {
      setFlagsFromString('--bytecode-old-age=1');
      gc({ type: 'major', flavor: 'last-resort', execution: 'sync' });
      setFlagsFromString('--bytecode-old-age=6');
    })
  );
}

/** What starts workers is loaded only where there are some. */
async function workersOf(count: number): Promise<PdpOptions['workers']> {
  const { clusterWorkers } = await import('./workers/worker-process.ts');
  return { count, start: clusterWorkers() };
}

function healthAddressOf({ EDICT_PDP_HEALTH_LISTEN: address }: Config): PdpOptions['health'] {
  const listen = parseGrpcAddress(address);
  return listen === undefined || 'path' in listen ? undefined : listen;
}
