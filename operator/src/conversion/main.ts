import { collectDefaultMetrics, Registry } from 'prom-client';
import { createLogger, format, transports } from 'winston';
import { systemClock } from '../clock.ts';
import { startStatusServer } from '../observability/status-server.ts';
import { readCertificateFiles, watchCertificateFiles, type CertificateFiles } from './certificate-files.ts';
import { describeConversion, loadConversionConfig } from './conversion-config.ts';
import { createConversionMetrics } from './conversion-metrics.ts';
import { startConversionServer } from './conversion-server.ts';

/**
 * Composition root of the conversion webhook, a program of its own in the operator's image: it reads a certificate from files,
 * talks to nobody, and loads neither a Kubernetes client nor the compiler.
 */
if (process.argv.includes('--help')) {
  console.log(`Edict conversion webhook. Configured by environment variables:\n${describeConversion()}`);
} else {
  try {
    await run();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

async function run(): Promise<void> {
  const config = loadConversionConfig(process.env);
  const logger = createLogger({
    level: config.EDICT_CONVERSION_LOG_LEVEL,
    format: format.combine(format.timestamp(), format.json()),
    transports: [new transports.Console()],
  });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'conversion_' });
  const metrics = createConversionMetrics(registry);
  const host = config.EDICT_CONVERSION_LISTEN_HOST;
  const directory = config.EDICT_CONVERSION_CERTIFICATE_DIR;
  const first = await readCertificateFiles(directory);
  const note = ({ expiresAtMs }: CertificateFiles): void => metrics.certificateExpiry.set(expiresAtMs / 1000);
  note(first);
  const server = await startConversionServer({
    host,
    port: config.EDICT_CONVERSION_PORT,
    ...first,
    metrics,
    onError: (error) => logger.error('a conversion failed', { error: String(error) }),
  });
  let isStopping = false;
  const status = await startStatusServer({
    host,
    port: config.EDICT_CONVERSION_HTTP_PORT,
    registry,
    isReady: () => !isStopping,
    pdps: () => undefined,
  });
  const stopWatch = watchCertificateFiles({
    directory,
    current: first,
    clock: systemClock,
    onChange: (files) => {
      server.setCertificate(files.certificate, files.privateKey);
      note(files);
      logger.info('certificate changed', { expiresAt: new Date(files.expiresAtMs).toISOString() });
    },
    onError: (error) => logger.warn('the certificate could not be read again', { error: String(error) }),
  });
  logger.info('conversion webhook started', { port: server.port, httpPort: status.port });

  const stop = async (): Promise<void> => {
    // Not ready any more, but still there for who does not know it yet.
    isStopping = true;
    await new Promise((resolve) => setTimeout(resolve, config.EDICT_CONVERSION_DRAIN_MS));
    stopWatch();
    await server.close();
    await status.close();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info('stopping', { signal });
      stop().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(String(error));
          process.exit(1);
        },
      );
    });
  }
}
