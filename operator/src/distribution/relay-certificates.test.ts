import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { fileReader, relayOfCertificate } from './relay-certificates.ts';

const identify = relayOfCertificate(
  new Map([
    ['relay.west.example.com', 'west'],
    ['spiffe://example.com/relay/east', 'east'],
    ['relay-2.west.example.com', 'west'],
  ]),
);

test.each<[string, readonly string[], string]>([
  ['a DNS name', ['relay.west.example.com'], 'west'],
  ['a URI among other names', ['other.example.com', 'spiffe://example.com/relay/east'], 'east'],
  ['two names of one site', ['relay.west.example.com', 'relay-2.west.example.com'], 'west'],
])('a relay is known by %s', (_what, names, site) => {
  expect(identify(names)).toMatchObject({ nodeId: `site:${site}`, site });
});

test.each<[string, readonly string[], string]>([
  ['a name that nobody has named', ['relay.north.example.com'], 'no site is known by relay.north.example.com'],
  ['a name that merely ends so', ['x.relay.west.example.com'], 'no site is known by'],
  ['names of two sites', ['relay.west.example.com', 'spiffe://example.com/relay/east'], 'several sites'],
])('%s is refused', (_what, names, message) => {
  expect(() => identify(names)).toThrow(
    expect.objectContaining({ code: 'InvalidToken', message: expect.stringContaining(message) }),
  );
});

test('a file that is gone for a while is what it was last', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edict-file-'));
  const path = join(folder, 'ca.crt');
  const warnings: string[] = [];
  const log = { warn: (message: string) => warnings.push(message) };
  expect(() => fileReader(path, log)).toThrow('ENOENT');
  await writeFile(path, 'one');
  const read = fileReader(path, log);
  await writeFile(path, 'two');
  expect(read()).toBe('two');
  await rm(folder, { recursive: true });
  expect(read()).toBe('two');
  expect(warnings).toEqual(['a file could not be read again']);
});
