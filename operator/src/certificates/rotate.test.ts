import { createServer } from 'node:tls';
import { connect } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { readCertificate } from './authority.ts';
import { CERTIFICATE_TIMES, timesProblem, trustBundle } from './plan.ts';
import { settleCertificates } from './rotate.ts';
import type { CertificateState } from './plan.ts';

const NAMES = ['edict-webhook.edict-system.svc', 'edict-distribution.edict-system.svc'];
const NOW = Date.now();
const { authorityMs: AUTHORITY_LIFETIME_MS, overlapMs: OVERLAP_MS, servingMs: SERVING_LIFETIME_MS } = CERTIFICATE_TIMES;

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

test.each([
  ['the times by default', CERTIFICATE_TIMES, undefined],
  ['a short life with a shorter overlap', { authorityMs: 180_000, servingMs: 60_000, overlapMs: 30_000 }, undefined],
  ['an overlap that outlives the authority', { authorityMs: 180_000, servingMs: 60_000, overlapMs: 31_000 }, 'overlap'],
  [
    'a certificate that outlives its authority',
    { authorityMs: 180_000, servingMs: 180_001, overlapMs: 1000 },
    'longer',
  ],
])('%s: whether certificates can live by it', (_name, times, problem) => {
  const found = timesProblem(times);
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(problem);
});

test('an overlap that was made longer in the middle does not let the authority end before the next one signs', async () => {
  const short = { authorityMs: 180_000, servingMs: 60_000, overlapMs: 30_000 };
  const first = await settleCertificates(undefined, NAMES, NOW, short);
  const announced = await settleCertificates(first, NAMES, NOW + 125_000, CERTIFICATE_TIMES);
  expect(announced.authority).toStrictEqual(first.authority);
  const promoted = await settleCertificates(announced, NAMES, NOW + 170_000, CERTIFICATE_TIMES);
  expect(promoted.authority.certificate).toBe(announced.next?.certificate);
  expect(promoted.previous).toBe(first.authority.certificate);
});

test('with short lives certificates settle, and every client has the next authority before it signs', async () => {
  const times = { authorityMs: 180_000, servingMs: 60_000, overlapMs: 30_000 };
  let state = await settleCertificates(undefined, NAMES, NOW, times);
  const authorities = new Set([state.authority.certificate]);
  let known = trustBundle(state);
  for (let passed = 5_000; passed <= 600_000; passed += 5_000) {
    const next = await settleCertificates(state, NAMES, NOW + passed, times);
    // A client that looked five seconds ago trusts what is served now.
    expect(known).toContain(next.authority.certificate);
    expect(readCertificate(next.serving.certificate)?.notAfterMs).toBeGreaterThan(NOW + passed);
    authorities.add(next.authority.certificate);
    known = trustBundle(next);
    state = next;
  }
  expect(authorities.size).toBeGreaterThan(2);
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
