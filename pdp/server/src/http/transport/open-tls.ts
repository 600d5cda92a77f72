import { X509Certificate } from 'node:crypto';
import type { Logger } from 'winston';
import type { ListenerTls } from '../listener.ts';
import type { TlsSettings } from './settings.ts';
import { TLS_RELOAD_MS, TlsFiles } from './tls-files.ts';
import type { TransportMetrics } from './transport-metrics.ts';

/** Opens the certificate of a process and keeps up with its files. Rejects when they cannot be used at the start. */
export async function openTls(
  settings: TlsSettings | undefined,
  metrics: Pick<TransportMetrics, 'tlsReloads' | 'certificateExpiry'>,
  logger: Pick<Logger, 'info' | 'error'>,
): Promise<ListenerTls | undefined> {
  if (settings === undefined) return undefined;
  const { certFile, keyFile, clientCaFile, clientCertificates, reloadMs = TLS_RELOAD_MS } = settings;
  const files = await TlsFiles.open({
    certFile,
    keyFile,
    clientCaFile,
    reloadMs,
    onReload: (problem) => {
      metrics.tlsReloads.inc({ outcome: problem === undefined ? 'taken' : 'refused' });
      if (problem === undefined) logger.info('new certificate taken', { certFile });
      else logger.error('new certificate files cannot be used; the old ones stay', { certFile, error: problem });
    },
  });
  files.follow(({ cert }) => metrics.certificateExpiry.set(new X509Certificate(cert).validToDate.getTime() / 1000));
  return { files, clientCertificates };
}
