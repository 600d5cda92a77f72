import { expect, test } from '@jest/globals';
import { loadConfig } from './config.ts';

const env = {
  EDICT_OPERATOR_NAMESPACE: 'edict',
  EDICT_OPERATOR_POD_NAME: 'operator-0',
  EDICT_OPERATOR_POD_IP: '10.0.0.1',
  EDICT_OPERATOR_SERVICE: 'edict',
  EDICT_OPERATOR_SERVICE_ACCOUNT: 'edict',
  EDICT_OPERATOR_PDP_IMAGE: 'pdp:1',
  EDICT_OPERATOR_IDENTITY: 'operator-0',
};

test('PDPs have three seconds to leave a replica that stops, and Hellos are admitted at the rate of the machine', () => {
  const config = loadConfig(env);
  expect(config.EDICT_OPERATOR_DRAIN_MS).toBe(3_000);
  expect(config.EDICT_OPERATOR_WEBHOOK_DRAIN_MS).toBe(5_000);
  expect(config.EDICT_OPERATOR_HELLO_RATE).toBeUndefined();
  const given = loadConfig({ ...env, EDICT_OPERATOR_DRAIN_MS: '0', EDICT_OPERATOR_HELLO_RATE: '25' });
  expect(given).toMatchObject({ EDICT_OPERATOR_DRAIN_MS: 0, EDICT_OPERATOR_HELLO_RATE: 25 });
});

test.each([
  ['EDICT_OPERATOR_DRAIN_MS', '600001'],
  ['EDICT_OPERATOR_DRAIN_MS', '-1'],
  ['EDICT_OPERATOR_DRAIN_MS', 'soon'],
  ['EDICT_OPERATOR_WEBHOOK_DRAIN_MS', '600001'],
  ['EDICT_OPERATOR_WEBHOOK_DRAIN_MS', '-1'],
  ['EDICT_OPERATOR_HELLO_RATE', '0'],
  ['EDICT_OPERATOR_HELLO_RATE', '10001'],
  ['EDICT_OPERATOR_HELLO_RATE', '1.5'],
])('%s=%s is refused by name', (name, value) => {
  expect(() => loadConfig({ ...env, [name]: value })).toThrow(name);
});
