import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from '../../scripts/run-command.ts';

/** A certificate and its key as files in PEM. */
export interface KeyPairFiles {
  readonly certificate: string;
  readonly key: string;
}

/** The authority of one cluster; it lives as long as the cluster's state directory. */
export interface Authority extends KeyPairFiles {
  readonly directory: string;
}

const VALID_DAYS = '30';

/** Makes an authority in `directory`. */
export async function createAuthority(directory: string): Promise<Authority> {
  await mkdir(directory, { recursive: true });
  const key = await writeEllipticKey(directory, 'ca');
  const certificate = path.join(directory, 'ca.crt');
  const args = ['req', '-x509', '-new', '-key', key, '-days', VALID_DAYS, '-subj', '/CN=cluster-authority'];
  await runCommand('openssl', [...args, '-out', certificate]);
  return { directory, certificate, key };
}

/**
 * Issues a certificate for both server and client use. `subject` is written as `/O=group/CN=name`: Kubernetes reads CN as the
 * user and O as the group. Names are `DNS:…` or `IP:…`.
 */
export async function issueCertificate(
  authority: Authority,
  name: string,
  subject: string,
  names: readonly string[] = ['DNS:localhost'],
): Promise<KeyPairFiles> {
  const at = (extension: string): string => path.join(authority.directory, `${name}.${extension}`);
  const key = await writeEllipticKey(authority.directory, name);
  await writeFile(at('ext'), `subjectAltName=${names.join(',')}\nextendedKeyUsage=serverAuth,clientAuth\n`);
  await runCommand('openssl', ['req', '-new', '-key', key, '-subj', subject, '-out', at('csr')]);
  const issuer = ['-CA', authority.certificate, '-CAkey', authority.key, '-CAcreateserial'];
  const request = ['x509', '-req', '-in', at('csr'), '-days', VALID_DAYS, '-extfile', at('ext'), '-out', at('crt')];
  await runCommand('openssl', [...request, ...issuer]);
  return { certificate: at('crt'), key };
}

/** The key that signs ServiceAccount tokens; RSA, as every consumer of its JWKS reads it. */
export async function writeTokenKey(directory: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const file = path.join(directory, 'service-account.key');
  await writeFile(file, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  return file;
}

/** Writes a kubeconfig for one user and returns its path. */
export async function writeKubeconfig(
  file: string,
  server: string,
  authority: Authority,
  user: KeyPairFiles,
): Promise<string> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'local', cluster: { server, 'certificate-authority': authority.certificate } }],
    users: [{ name: 'user', user: { 'client-certificate': user.certificate, 'client-key': user.key } }],
    contexts: [{ name: 'local', context: { cluster: 'local', user: 'user' } }],
    'current-context': 'local',
  };
  await writeFile(file, JSON.stringify(config, null, 2), { mode: 0o600 });
  return file;
}

async function writeEllipticKey(directory: string, name: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const file = path.join(directory, `${name}.key`);
  await writeFile(file, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
  return file;
}
