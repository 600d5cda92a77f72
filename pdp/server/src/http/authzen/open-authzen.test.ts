import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { useFolders } from '../../testing/folders.ts';
import { metadataOf as metadataAt } from './metadata.ts';
import { openAuthZen } from './open-authzen.ts';
import { MAX_SIGNED, openMetadataSigner, RESIGN_MS } from './sign-metadata.ts';

const newFolder = useFolders();
const BASE = 'https://pdp.example/tenant';
const metadataOf = (base: string) =>
  metadataAt(base, { evaluation: 'Rule', rule: 'a/b', candidates: { subject: 'a/people' } });
const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' });
const EC = pemOf(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey);

test.each([
  ['EC P-256', 'ES256', generateKeyPairSync('ec', { namedCurve: 'prime256v1' })],
  ['EC P-384', 'ES384', generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
  ['EC P-521', 'ES512', generateKeyPairSync('ec', { namedCurve: 'secp521r1' })],
  ['Ed25519', 'EdDSA', generateKeyPairSync('ed25519')],
  ['RSA', 'PS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
])('metadata are signed with a key of %s', async (_name, alg, { privateKey, publicKey }) => {
  const sign = await openMetadataSigner(pemOf(privateKey), 'key.pem', () => 1_700_000_000_000);
  const jwt = await sign(metadataOf(BASE));
  const { payload, protectedHeader } = await jwtVerify(jwt, publicKey, { issuer: BASE });
  expect(payload).toStrictEqual({ ...metadataOf(BASE), iss: BASE, iat: 1_700_000_000 });
  expect(protectedHeader).toStrictEqual({
    alg,
    typ: 'JWT',
    kid: await calculateJwkThumbprint(createPublicKey(privateKey).export({ format: 'jwk' })),
  });
});

test.each([
  ['no key', 'hello', 'key.pem has no private key as PEM'],
  [
    'a curve that nobody verifies',
    pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
    'key.pem: the key is ec secp256k1',
  ],
  ['a short key of RSA', pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), 'the key is rsa 1024'],
  ['a key that cannot sign', pemOf(generateKeyPairSync('x25519').privateKey), 'the key is x25519'],
])('%s is refused by a message that names the file', async (_name, pem, message) => {
  await expect(openMetadataSigner(pem, 'key.pem', Date.now)).rejects.toThrow(message);
});

test('a signature is kept for an hour, and those of a bounded number of paths', async () => {
  let now = 1_700_000_000_000;
  const sign = await openMetadataSigner(EC, 'key.pem', () => now);
  const first = await sign(metadataOf(BASE));
  now += RESIGN_MS - 1;
  expect(await sign(metadataOf(BASE))).toBe(first);
  now += 1;
  const second = await sign(metadataOf(BASE));
  expect(decodeJwt(second).iat).toBe(now / 1000);
  for (let path = 0; path < MAX_SIGNED; path++) await sign(metadataOf(`${BASE}/${path}`));
  // ECDSA never gives the same twice.
  expect(await sign(metadataOf(BASE))).not.toBe(second);
});

test('keys are read from the files that are named', async () => {
  const folder = await newFolder();
  const [key, pem] = [join(folder, 'key'), join(folder, 'signing.pem')];
  await writeFile(key, Buffer.alloc(32, 7));
  await writeFile(pem, EC);
  const open = await openAuthZen({ publicUrl: BASE, pageTokenKeyFile: key, metadataKeyFile: pem });
  expect(open).toMatchObject({ publicUrl: BASE, pageTokenKey: Buffer.alloc(32, 7) });
  expect(decodeProtectedHeader((await open.signMetadata?.(metadataOf(BASE))) ?? '').alg).toBe('ES256');
});

test('without settings nothing is signed, and page tokens are good at one process', async () => {
  expect(await openAuthZen()).toStrictEqual({ publicUrl: undefined, pageTokenKey: undefined, signMetadata: undefined });
});

test('a key of page tokens that could be guessed is refused, and so is one that is not there', async () => {
  const file = join(await newFolder(), 'key');
  await writeFile(file, Buffer.alloc(31));
  await expect(openAuthZen({ pageTokenKeyFile: file })).rejects.toThrow(`${file} has 31 bytes`);
  await expect(openAuthZen({ pageTokenKeyFile: `${file}x` })).rejects.toThrow('ENOENT');
});
