import { expect, test } from '@jest/globals';
import type { PdpListing } from '@edict/protocol';
import type { Fleet } from '../fleet/fleet.ts';
import { CommandError } from '../io.ts';
import { said } from '../testing/captured-io.ts';
import { aRevision, aSet } from '../testing/objects.ts';
import { diff } from './diff.ts';
import { pdps } from './pdps.ts';
import { why } from './why.ts';

const at = Date.now();
const listing = (name: string, over: Partial<PdpListing['sets'][number]> = {}, connected = true): PdpListing => ({
  nodeId: `uid-${name}`,
  pod: `default/${name}`,
  connected,
  engineVersion: '1.0.0',
  lastBeatAt: at,
  sets: [
    {
      set: 'default/default',
      state: 'Active',
      active: 1,
      staged: 0,
      prepared: 0,
      changedAt: at - 600_000,
      laggard: false,
      awaited: false,
      ...over,
    },
  ],
});
const refusal = { n: 2, phase: 'Compile', code: 'rego_type_error', deterministic: true } as const;
const nacked = listing('pdp-2', { refusal, nack: 'shop mrn:policy:main:3: no\nmore' });

const fleet = (listings: readonly PdpListing[]): Fleet => ({
  namespace: 'default',
  sets: () => Promise.resolve([aSet()]),
  revisions: () => Promise.resolve([aRevision(1), aRevision(2, { phase: 'Preparing', waves: [] })]),
  domains: () => Promise.resolve([]),
  problems: () => Promise.resolve([]),
  pdps: () => Promise.resolve(listings),
  act: () => Promise.reject(new Error('nothing is to be written')),
  readBundle: () => Promise.resolve(undefined),
  close: () => Promise.resolve(),
});

const fleetOfThree = fleet([listing('pdp-1', { prepared: 2, wave: 0 }), nacked, listing('pdp-3', {}, false)]);

test('each PDP is a row: what it serves, and what is wrong with it', async () => {
  const rows = (await said((io) => pdps(io, fleetOfThree, { output: 'text' }))).split('\n');
  expect(rows[0]).toMatch(/^PDP +SET +STATE +ACTIVE +STAGED +BEAT +ENGINE +REASON$/);
  expect(rows[1]).toMatch(
    /^default\/pdp-1 +default +Prepared +1 +- .* has prepared revision 2 and waits until the others have/,
  );
  expect(rows[2]).toMatch(/^default\/pdp-2 +default +Nacked .*mrn:policy:main:3: no$/);
  expect(rows[3]).toMatch(/^default\/pdp-3 +default +Missing .* not connected for 10 min/);
});

test('PDPs are listed by state, and as objects', async () => {
  const text = await said((io) => pdps(io, fleetOfThree, { set: 'default', state: 'Missing', output: 'json' }));
  expect(JSON.parse(text)).toMatchObject([{ set: 'default', pod: 'default/pdp-3', state: 'Missing' }]);
  expect(await said((io) => pdps(io, fleetOfThree, { state: 'Laggard', output: 'text' }))).toBe(
    'none of 3 is Laggard\n',
  );
  expect(await said((io) => pdps(io, fleet([]), { output: 'text' }))).toBe('no PDP is connected\n');
  await expect(said((io) => pdps(io, fleetOfThree, { set: 'zzz', output: 'text' }))).rejects.toThrow(CommandError);
});

test.each(['pdp-2', 'default/pdp-2', 'uid-pdp-2'])('why %s says what, and what to do', async (name) => {
  const text = await said((io) => why(io, fleetOfThree, { pdp: name, output: 'text' }));
  expect(text).toMatch(
    /^default\/pdp-2 {2}default {2}Nacked {2}serves revision 1\n {2}error Nacked: refused revision 2/,
  );
  expect(text).toContain('    to do: mend the policy');
});

test('why of a PDP that is not there is an error', async () => {
  await expect(said((io) => why(io, fleetOfThree, { pdp: 'zzz', output: 'text' }))).rejects.toThrow(
    /no PDP named zzz among those of the sets of namespace default/,
  );
});

test('a diff of equal contents says so, and one with a revision that is gone is an error', async () => {
  expect(await said((io) => diff(io, fleetOfThree, { from: 1, to: 1, output: 'text' }))).toBe(
    'revisions 1 and 1 have the same content\n',
  );
  await expect(said((io) => diff(io, fleetOfThree, { from: 1, to: 9, output: 'text' }))).rejects.toThrow(
    /no revision 9/,
  );
});
