import { createServer } from 'node:tls';
import { connect } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { AUTHORITY_LIFETIME_MS, OVERLAP_MS, SERVING_LIFETIME_MS, trustBundle } from './plan.ts';
import { settleCertificates } from './rotate.ts';
import type { CertificateState } from './plan.ts';

const NAMES = ['edict-webhook.edict-system.svc', 'edict-distribution.edict-system.svc'];
const NOW = Date.now();

test('a fresh state serves a certificate that its own trust bundle verifies', async () => {
  const state = await settleCertificates(undefined, NAMES, NOW);
  expect(await isTrusted(state, trustBundle(state), NAMES[1] ?? '')).toBe(true);
  expect(await isTrusted(state, trustBundle(state), 'other.example')).toBe(false);
});

test('a settled state stays as it is', async () => {
  const state = await settleCertificates(undefined, NAMES, NOW);
  expect(await settleCertificates(state, NAMES, NOW + 1000)).toBe(state);
});

test.each([
  ['a new name', (s: CertificateState) => s, [...NAMES, 'new.example'], 0],
  ['two thirds of its life gone', (s: CertificateState) => s, NAMES, (SERVING_LIFETIME_MS * 2) / 3 + 3_600_000],
  [
    'text that is no certificate',
    (s: CertificateState) => ({ ...s, serving: { certificate: 'x', privateKey: 'y' } }),
    NAMES,
    0,
  ],
])('%s brings a new serving certificate of the same authority', async (_name, spoil, names, laterMs) => {
  const state = await settleCertificates(undefined, NAMES, NOW);
  const next = await settleCertificates(spoil(state), names, NOW + laterMs);
  expect(next.serving.certificate).not.toBe(state.serving.certificate);
  expect(next.authority).toStrictEqual(state.authority);
});

test('a new authority is trusted before it signs, and the old one after', async () => {
  // So that the last step happens now, by the clock of a real TLS client.
  const renewAt = NOW - OVERLAP_MS;
  const start = renewAt - (AUTHORITY_LIFETIME_MS * 2) / 3 - 3_600_000;
  const first = await settleCertificates(undefined, NAMES, start);
  const announced = await settleCertificates(first, NAMES, renewAt);
  expect(announced.authority).toStrictEqual(first.authority);
  expect(trustBundle(announced)).toBe(first.authority.certificate + (announced.next?.certificate ?? ''));
  const promoted = await settleCertificates(announced, NAMES, renewAt + OVERLAP_MS);
  expect(promoted.authority.certificate).toBe(announced.next?.certificate);
  // A client with the bundle of before the change takes the new serving certificate, and the other way round.
  expect(await isTrusted(promoted, trustBundle(announced), NAMES[0] ?? '')).toBe(true);
  expect(trustBundle(promoted)).toContain(first.authority.certificate);
  const dropped = await settleCertificates(promoted, NAMES, start + AUTHORITY_LIFETIME_MS + 1000);
  expect(dropped.previous).toBeUndefined();
});

/** Whether a TLS client with that trust bundle accepts the state's serving certificate for a name. */
async function isTrusted(state: CertificateState, ca: string, servername: string): Promise<boolean> {
  const server = createServer({ cert: state.serving.certificate, key: state.serving.privateKey }, (socket) =>
    socket.end(),
  );
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const trusted = await new Promise<boolean>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', ca, servername }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
  await new Promise((resolve) => server.close(resolve));
  return trusted;
}
