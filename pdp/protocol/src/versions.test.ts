import { expect, test } from '@jest/globals';
import { agreeOnProtocol, OWN_VERSIONS, type VersionRange } from './versions.ts';

const engine = { name: 'edict', version: '9.9.9', features: [] };
const OPERATOR: VersionRange = { oldest: 2, newest: 4 };

test.each<readonly [string, { readonly protocol: number; readonly oldestProtocol?: number }, number]>([
  ['the same newest version', { protocol: 4 }, 4],
  ['an older version that is still spoken', { protocol: 2 }, 2],
  ['a newer PDP that speaks the old version too', { protocol: 6, oldestProtocol: 3 }, 4],
  ['an older PDP whose newest is the oldest here', { protocol: 2, oldestProtocol: 1 }, 2],
])('%s: both speak the newest that they have in common', (_name, hello, version) => {
  expect(agreeOnProtocol({ ...hello, engine }, OPERATOR)).toEqual({ type: 'Agreed', version });
});

test.each([
  ['an older PDP', { protocol: 1 }, 'ProtocolTooOld', 'speaks protocol 1, this operator 2 to 4: upgrade the PDP'],
  [
    'a newer PDP that has given up the versions here',
    { protocol: 7, oldestProtocol: 5 },
    'ProtocolTooNew',
    'speaks protocol 5 to 7, this operator 2 to 4: upgrade the operator',
  ],
  ['a newer PDP that names no oldest version', { protocol: 5 }, 'ProtocolTooNew', 'speaks protocol 5,'],
])('%s is refused, and told who is behind', (_name, hello, code, message) => {
  const agreement = agreeOnProtocol({ ...hello, engine }, OPERATOR);
  expect(agreement).toMatchObject({ type: 'Refused', code });
  expect(agreement).toHaveProperty('message', expect.stringContaining(message));
});

test('a build understands itself', () => {
  const hello = { protocol: OWN_VERSIONS.newest, oldestProtocol: OWN_VERSIONS.oldest, engine };
  expect(agreeOnProtocol(hello, OWN_VERSIONS)).toEqual({ type: 'Agreed', version: OWN_VERSIONS.newest });
});
