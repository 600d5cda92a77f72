import { readFile } from 'node:fs/promises';
import { parseTrustedKeys } from '@edict/bundle';
import { createArtifactClient, dialGrpc, systemClock } from '@edict/protocol';
import { LineWriter } from './audit/line-writer.ts';
import { writeDescriptor } from './audit/write-descriptor.ts';
import { describeConfig, loadConfig, type Config } from './config.ts';
import { createLogger } from './observability/logger.ts';
import { startPdp } from './pdp.ts';

const LOG_BUFFER_BYTES = 4_194_304;

if (process.argv.includes('--help')) {
  console.log(`Edict policy decision point. Configured by environment variables:\n${describeConfig()}`);
} else {
  try {
    await run(loadConfig(process.env));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
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
  const pdp = await startPdp({
    host: config.EDICT_PDP_LISTEN_HOST,
    port: config.EDICT_PDP_LISTEN_PORT,
    dataDir: config.EDICT_PDP_DATA_DIR,
    maxBodyBytes: config.EDICT_PDP_MAX_BODY_BYTES,
    maxSteps: config.EDICT_PDP_MAX_STEPS,
    includeAll: config.EDICT_PDP_INCLUDE_ALL === 'true',
    requestTimeoutMs: config.EDICT_PDP_REQUEST_TIMEOUT_MS,
    auditBufferBytes: config.EDICT_PDP_AUDIT_BUFFER_BYTES,
    onAuditFull: config.EDICT_PDP_AUDIT_ON_FULL,
    writeRecords: stdout,
    logger,
    dial: dialGrpc({
      address: config.EDICT_PDP_OPERATOR_ADDRESS,
      caFile: config.EDICT_PDP_CA_FILE,
      tokenFile: config.EDICT_PDP_TOKEN_FILE,
      clock: systemClock,
    }),
    fetchArtifact: artifacts.fetch,
    trustedKeys: async () => parseTrustedKeys(await readFile(config.EDICT_PDP_KEYS_FILE, 'utf8')),
  });
  const stop = (signal: string): void => {
    logger.info('stopping', { signal });
    pdp.drain(config.EDICT_PDP_DRAIN_DELAY_MS, config.EDICT_PDP_DRAIN_TIMEOUT_MS).then(
      async () => {
        artifacts.close();
        await lines.drained();
        process.exit(0);
      },
      (error: unknown) => {
        logger.error('drain failed', { error: String(error) });
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', () => stop('SIGTERM'));
  process.once('SIGINT', () => stop('SIGINT'));
}
