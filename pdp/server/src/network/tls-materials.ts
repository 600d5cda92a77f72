import { readFile, realpath, stat } from 'node:fs/promises';
import { createSecureContext, getCACertificates } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { sep } from 'node:path';
import { isIP } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { HttpTls, TextSource } from '@edict/engine';
import { ExchangeError } from './exchange-error.ts';

/** Largest certificate or key file, in bytes. */
export const MAX_PEM_BYTES = 1_048_576;

/** What policies may read for TLS. By default nothing. */
export interface TlsSources {
  /** Folder whose files, and those below it, may be read. */
  readonly folder?: string;
  /** Names of variables that may be read. */
  readonly variables?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Options of a TLS connection. All are texts, so that connections are shared only between requests that agree on them. */
export interface TlsOptions extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key'> {
  readonly rejectUnauthorized: boolean;
  /** The name to expect, where it is not the host. */
  readonly serverName: string | undefined;
}

/**
 * Makes the TLS options of a request.
 * @throws ExchangeError `invalid` for texts that may not be read or are no certificates and keys
 */
export async function readTls(tls: HttpTls, sources: TlsSources): Promise<TlsOptions> {
  const authorities = await Promise.all(tls.authorities.map((source) => readText(source, sources)));
  const pairs = await Promise.all(
    tls.identities.map(async ({ certificate, key }) => ({
      cert: await readText(certificate, sources),
      key: await readText(key, sources),
    })),
  );
  for (const text of authorities) checkCertificate(text);
  const trusted = tls.useSystemAuthorities ? [...systemCertificates(), ...authorities] : authorities;
  const options: TlsOptions = {
    rejectUnauthorized: !tls.skipVerify,
    // A certificate can be for an address, but a name to ask for cannot be one.
    serverName: tls.serverName === '' ? undefined : isIP(tls.serverName) === 0 ? withoutPort(tls.serverName) : '',
    ...(trusted.length === 0 ? {} : { ca: trusted }),
    ...(pairs.length === 0 ? {} : { cert: pairs.map(({ cert }) => cert), key: pairs.map(({ key }) => key) }),
  };
  if (pairs.length > 0) checkPairs(options);
  return options;
}

function withoutPort(host: string): string {
  return host.replace(/:\d+$/, '');
}

/** An image without certificates of its own still has those that come with the runtime. */
function systemCertificates(): readonly string[] {
  const system = getCACertificates('system');
  return system.length > 0 ? system : getCACertificates('default');
}

async function readText(source: TextSource, { folder, variables = [], env = {} }: TlsSources): Promise<string> {
  if ('text' in source) return source.text;
  if ('file' in source) return readPem(source.file, folder);
  const { variable } = source;
  if (!variables.includes(variable)) throw new ExchangeError('invalid', `variable '${variable}' may not be read`);
  const text = env[variable];
  if (text === undefined) throw new ExchangeError('invalid', `variable '${variable}' is not set`);
  return text;
}

async function readPem(file: string, folder: string | undefined): Promise<string> {
  const refusal = new ExchangeError('invalid', `file '${file}' may not be read`);
  if (folder === undefined) throw refusal;
  let path: string;
  let root: string;
  try {
    [path, root] = await Promise.all([realpath(file), realpath(folder)]);
  } catch {
    // Whether a file is there is nothing that a policy should learn.
    throw refusal;
  }
  if (!path.startsWith(root.endsWith(sep) ? root : root + sep)) throw refusal;
  const { size } = await stat(path);
  if (size > MAX_PEM_BYTES) throw new ExchangeError('invalid', `file '${file}' is larger than ${MAX_PEM_BYTES} bytes`);
  return readFile(path, 'utf8');
}

function checkCertificate(text: string): void {
  try {
    new X509Certificate(text);
  } catch {
    throw new ExchangeError('invalid', 'could not append certificates');
  }
}

function checkPairs({ cert, key }: TlsOptions): void {
  if (!String(cert).includes('-----BEGIN')) {
    throw new ExchangeError('invalid', 'tls: failed to find any PEM data in certificate input');
  }
  try {
    createSecureContext({ cert, key });
  } catch {
    throw new ExchangeError('invalid', 'tls: client certificate and key do not fit, or are none');
  }
}
