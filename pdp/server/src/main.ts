import { readFile } from 'node:fs/promises';
import { parseTrustedKeys } from '@edict/bundle';
import { createArtifactClient, dialGrpc, messageOf, systemClock } from '@edict/protocol';
import { LineWriter } from './audit/line-writer.ts';
import { writeDescriptor } from './audit/write-descriptor.ts';
import { describeConfig, loadConfig, type Config } from './config.ts';
import { parseGrpcAddress } from './grpc/grpc-address.ts';
import { createLogger } from './observability/logger.ts';
import { startPdp, type PdpOptions } from './pdp.ts';

const LOG_BUFFER_BYTES = 4_194_304;
/** At the end, log lines that nobody reads are waited for this long and no longer. */
const LOG_DRAIN_MS = 1_000;

const [argument] = process.argv.slice(2);
if (argument === '--help') {
  console.log(`Edict policy decision point. Configured by environment variables:\n${describeConfig()}`);
} else if (argument !== undefined) {
  console.error(`unknown argument ${argument}: it is configured by environment variables, which --help lists`);
  process.exitCode = 1;
} else {
  try {
    await run(loadConfig(process.env));
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = 1;
  }
}

async function run(config: Config): Promise<void> {
  // One writer for logs and records: lines of both stay whole, and a stalled reader stops neither decisions nor us.
  const stdout = writeDescriptor(1);
  const lines = new LineWriter({
    write: stdout,
    maxBufferedBytes: LOG_BUFFER_BYTES,
    onDropped: () => undefined,
    onError: () => undefined,
  });
  const logger = createLogger(config.EDICT_PDP_LOG_LEVEL, (line) => lines.offer(line));
  const artifacts = createArtifactClient({
    url: config.EDICT_PDP_BUNDLES_URL,
    caFile: config.EDICT_PDP_CA_FILE,
    // The leader names itself by address; its certificate bears the Service's name.
    serverName: new URL(config.EDICT_PDP_BUNDLES_URL).hostname,
    clock: systemClock,
    random: () => Math.random(),
  });
  const starting = startPdp({
    host: config.EDICT_PDP_LISTEN_HOST,
    port: config.EDICT_PDP_LISTEN_PORT,
    grpc: grpcOf(config),
    dataDir: config.EDICT_PDP_DATA_DIR,
    maxBodyBytes: config.EDICT_PDP_MAX_BODY_BYTES,
    maxSteps: config.EDICT_PDP_MAX_STEPS,
    setLimits: {
      maxConcurrent: config.EDICT_PDP_SET_MAX_CONCURRENT,
      maxBodyBytes: config.EDICT_PDP_SET_MAX_BODY_BYTES,
    },
    maxBatch: config.EDICT_PDP_MAX_BATCH,
    maxWaitMs: config.EDICT_PDP_MAX_WAIT_MS,
    maxWaiters: config.EDICT_PDP_MAX_WAITERS,
    includeAll: config.EDICT_PDP_INCLUDE_ALL === 'true',
    requestTimeoutMs: config.EDICT_PDP_REQUEST_TIMEOUT_MS,
    auditBufferBytes: config.EDICT_PDP_AUDIT_BUFFER_BYTES,
    onAuditFull: config.EDICT_PDP_AUDIT_ON_FULL,
    network: {
      allowedBuiltins: config.EDICT_PDP_ALLOWED_BUILTINS,
      allowedHosts: config.EDICT_PDP_ALLOWED_HOSTS,
      limits: {
        maxRequests: config.EDICT_PDP_NETWORK_MAX_REQUESTS,
        timeoutMs: config.EDICT_PDP_NETWORK_TIMEOUT_MS,
        maxWaitMs: config.EDICT_PDP_NETWORK_MAX_WAIT_MS,
        maxRequestBytes: config.EDICT_PDP_NETWORK_MAX_REQUEST_BYTES,
        maxResponseBytes: config.EDICT_PDP_NETWORK_MAX_RESPONSE_BYTES,
      },
      cache: { maxBytes: config.EDICT_PDP_NETWORK_CACHE_BYTES },
      tlsSources: {
        ...(config.EDICT_PDP_NETWORK_TLS_FOLDER === '' ? {} : { folder: config.EDICT_PDP_NETWORK_TLS_FOLDER }),
        variables: config.EDICT_PDP_NETWORK_TLS_VARIABLES,
        env: process.env,
      },
    },
    compileLimits: {
      timeoutMs: config.EDICT_PDP_COMPILE_TIMEOUT_MS,
      maxHeapMb: config.EDICT_PDP_COMPILE_MAX_HEAP_MB,
    },
    writeRecords: stdout,
    logger: config.EDICT_PDP_NODE_ID === '' ? logger : logger.child({ pdpInstance: config.EDICT_PDP_NODE_ID }),
    dial: dialGrpc({
      address: config.EDICT_PDP_OPERATOR_ADDRESS,
      caFile: config.EDICT_PDP_CA_FILE,
      tokenFile: config.EDICT_PDP_TOKEN_FILE,
      clock: systemClock,
    }),
    fetchArtifact: artifacts.fetch,
    trustedKeys: async () => parseTrustedKeys(await readFile(config.EDICT_PDP_KEYS_FILE, 'utf8')),
  });
  const stop = async (signal: string): Promise<void> => {
    logger.info('stopping', { signal });
    try {
      const pdp = await starting;
      await pdp.drain(config.EDICT_PDP_DRAIN_DELAY_MS, config.EDICT_PDP_DRAIN_TIMEOUT_MS);
      artifacts.close();
    } catch (error) {
      logger.error('not stopped in order', { error: messageOf(error) });
      process.exitCode = 1;
    }
    await lines.drained(LOG_DRAIN_MS);
    process.exit();
  };
  // As process 1 of a container there is no default: without a handler a signal during the start would do nothing.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal));
  await starting;
}

function grpcOf({
  EDICT_PDP_GRPC_LISTEN: address,
  EDICT_PDP_GRPC_MAX_MESSAGE_BYTES: maxMessageBytes,
}: Config): PdpOptions['grpc'] {
  const listen = parseGrpcAddress(address);
  return listen === undefined ? undefined : { listen, maxMessageBytes };
}
