import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../clock.ts';

/** A certificate and its key, PEM, and until when it holds. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly privateKey: string;
  readonly expiresAtMs: number;
}

/** Kubelet brings a changed Secret within about a minute; authorities overlap for a day. */
const LOOK_MS = 10_000;

/** Reads `tls.crt` and `tls.key` of a folder. Rejects if they are missing or do not belong together. */
export async function readCertificateFiles(directory: string): Promise<CertificateFiles> {
  const [certificate, privateKey] = await Promise.all(
    ['tls.crt', 'tls.key'].map((name) => readFile(path.join(directory, name), 'utf8')),
  );
  if (certificate === undefined || privateKey === undefined) throw new Error(`no certificate in ${directory}`);
  createSecureContext({ cert: certificate, key: privateKey });
  return { certificate, privateKey, expiresAtMs: Date.parse(new X509Certificate(certificate).validTo) };
}

export interface CertificateWatchOptions {
  readonly directory: string;
  readonly current: CertificateFiles;
  readonly clock: Clock;
  readonly onChange: (files: CertificateFiles) => void;
  /** Told when the files cannot be read, or do not fit: a change half written, mostly. What was there before serves on. */
  readonly onError: (error: unknown) => void;
}

/** Looks at the files again and again until it is stopped; returns what stops it. */
export function watchCertificateFiles(options: CertificateWatchOptions): () => void {
  let { current } = options;
  let cancel: () => void = () => undefined;
  let isStopped = false;
  const again = (): void => {
    if (isStopped) return;
    cancel = options.clock.schedule(LOOK_MS, () => {
      readCertificateFiles(options.directory)
        .then((files) => {
          if (isStopped || files.certificate === current.certificate) return;
          current = files;
          options.onChange(files);
        }, options.onError)
        .finally(again);
    });
  };
  again();
  return () => {
    isStopped = true;
    cancel();
  };
}
