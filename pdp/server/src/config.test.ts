import { expect, test } from '@jest/globals';
import { describeConfig, loadConfig } from './config.ts';

const REQUIRED = { EDICT_PDP_OPERATOR_ADDRESS: 'edict:8443', EDICT_PDP_BUNDLES_URL: 'https://edict:8444' };

test('only the operator has to be named; everything else has a default', () => {
  const config = loadConfig(REQUIRED);
  expect(config).toMatchObject({
    EDICT_PDP_LISTEN_PORT: 8181,
    EDICT_PDP_AUDIT_ON_FULL: 'Drop',
    EDICT_PDP_INCLUDE_ALL: 'true',
  });
  // The largest body that the reference engine's contract has.
  expect(config.EDICT_PDP_MAX_BODY_BYTES).toBeGreaterThan(5_000_124);
});

test('an empty variable counts as not set', () => {
  expect(loadConfig({ ...REQUIRED, EDICT_PDP_LISTEN_PORT: '' }).EDICT_PDP_LISTEN_PORT).toBe(8181);
});

test('all problems are told together, each with the name of its variable', () => {
  expect(() =>
    loadConfig({
      EDICT_PDP_BUNDLES_URL: 'http://edict:8444',
      EDICT_PDP_LISTEN_PORT: '65536',
      EDICT_PDP_MAX_STEPS: '1e9',
      EDICT_PDP_AUDIT_ON_FULL: 'drop',
      EDICT_PDP_REQUEST_TIMEOUT_MS: '0',
    }),
  ).toThrow(
    new Error(
      [
        'invalid configuration:',
        '  EDICT_PDP_LISTEN_PORT: Too big: expected number to be <=65535',
        '  EDICT_PDP_BUNDLES_URL: must be an https URL',
        '  EDICT_PDP_MAX_STEPS: must be a whole number',
        '  EDICT_PDP_REQUEST_TIMEOUT_MS: Too small: expected number to be >=100',
        '  EDICT_PDP_AUDIT_ON_FULL: Invalid option: expected one of "Block"|"Spill"|"Drop"',
        '  EDICT_PDP_OPERATOR_ADDRESS: is required without EDICT_PDP_POLICY_PATH',
      ].join('\n'),
    ),
  );
});

test.each(['-1', '1.5', '0x10', ' 1', 'ten'])('%p is not a port', (port) => {
  expect(() => loadConfig({ ...REQUIRED, EDICT_PDP_LISTEN_PORT: port })).toThrow('EDICT_PDP_LISTEN_PORT');
});

test('the table has every variable with its meaning and default', () => {
  const lines = describeConfig().split('\n');
  expect(lines).toHaveLength(Object.keys(loadConfig(REQUIRED)).length);
  for (const line of lines) expect(line).toMatch(/^ {2}(EDICT_PDP|OTEL)_[A-Z_]+ +\S.*(\(default .*\)|Required\.)$/);
});

test('policies reach nothing unless built-ins and hosts are named', () => {
  expect(loadConfig(REQUIRED)).toMatchObject({ EDICT_PDP_ALLOWED_BUILTINS: [], EDICT_PDP_ALLOWED_HOSTS: [] });
  const named = {
    ...REQUIRED,
    EDICT_PDP_ALLOWED_BUILTINS: 'http.send, net.lookup_ip_addr',
    EDICT_PDP_ALLOWED_HOSTS: '*.svc.cluster.local,10.96.0.0/12',
  };
  expect(loadConfig(named)).toMatchObject({
    EDICT_PDP_ALLOWED_BUILTINS: ['http.send', 'net.lookup_ip_addr'],
    EDICT_PDP_ALLOWED_HOSTS: ['*.svc.cluster.local', '10.96.0.0/12'],
  });
  expect(() => loadConfig({ ...named, EDICT_PDP_ALLOWED_HOSTS: 'a.example,http://b.example' })).toThrow(
    "EDICT_PDP_ALLOWED_HOSTS: 'http://b.example' is no host name, *.suffix, *, address or network",
  );
  expect(() => loadConfig({ ...named, EDICT_PDP_ALLOWED_BUILTINS: 'opa.runtime' })).toThrow(
    'EDICT_PDP_ALLOWED_BUILTINS',
  );
});

test.each([
  ['http://pdp.example', 'EDICT_PDP_PUBLIC_URL: must be an https URL without query and fragment'],
  ['https://pdp.example?a', 'EDICT_PDP_PUBLIC_URL: must be an https URL without query and fragment'],
  ['https://:80', 'EDICT_PDP_PUBLIC_URL: must be an https URL without query and fragment'],
])('%p is no URL that clients may know a PDP by', (url, message) => {
  expect(() => loadConfig({ ...REQUIRED, EDICT_PDP_PUBLIC_URL: url })).toThrow(message);
});

test.each([
  [
    'audit by a file and by its content',
    { EDICT_PDP_AUDIT_FILE: '/a', EDICT_PDP_AUDIT_SETTINGS: '{}' },
    'EDICT_PDP_AUDIT_SETTINGS: stands in the place of EDICT_PDP_AUDIT_FILE',
  ],
  [
    'signed metadata of no URL',
    { EDICT_PDP_METADATA_KEY_FILE: '/k' },
    'EDICT_PDP_METADATA_KEY_FILE: signs the metadata of EDICT_PDP_PUBLIC_URL, which is not set',
  ],
  ['a key without a certificate', { EDICT_PDP_TLS_KEY_FILE: '/k' }, 'EDICT_PDP_TLS_KEY_FILE: goes with'],
  [
    'certificates of clients without TLS',
    { EDICT_PDP_TLS_CLIENT_CA_FILE: '/c' },
    'EDICT_PDP_TLS_CLIENT_CA_FILE: needs EDICT_PDP_TLS_CERT_FILE',
  ],
  ['tokens of nobody', { EDICT_PDP_AUTHENTICATION: 'Bearer' }, 'EDICT_PDP_JWKS: is required'],
])('%s is refused', (_name, variables, message) => {
  expect(() => loadConfig({ ...REQUIRED, ...variables })).toThrow(message);
});
