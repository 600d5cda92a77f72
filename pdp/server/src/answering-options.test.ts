import { expect, test } from '@jest/globals';
import { answeringOptions } from './answering-options.ts';
import { loadConfig } from './config.ts';
import { createLogger } from './observability/logger.ts';

const optionsOf = (variables: Readonly<Record<string, string>>) =>
  answeringOptions(
    loadConfig({ EDICT_PDP_OPERATOR_ADDRESS: 'a:1', EDICT_PDP_BUNDLES_URL: 'https://a:2', ...variables }),
    { writeRecords: () => undefined, logger: createLogger('info', () => undefined), worker: undefined, env: {} },
  );

test('what AuthZEN clients are told is as configured', () => {
  const variables = {
    EDICT_PDP_PUBLIC_URL: 'https://pdp.example',
    EDICT_PDP_PAGE_TOKEN_KEY_FILE: '/keys/page',
    EDICT_PDP_METADATA_KEY_FILE: '/keys/signing.pem',
  };
  expect(optionsOf(variables).authZen).toStrictEqual({
    publicUrl: 'https://pdp.example',
    pageTokenKeyFile: '/keys/page',
    metadataKeyFile: '/keys/signing.pem',
  });
});

test('without settings clients are told what they asked by', () => {
  expect(optionsOf({}).authZen).toStrictEqual({
    publicUrl: undefined,
    pageTokenKeyFile: undefined,
    metadataKeyFile: undefined,
  });
});
