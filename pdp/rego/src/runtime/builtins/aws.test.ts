import { expect, test } from '@jest/globals';
import { getIndex, type Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';

const config: Value = {
  aws_access_key: 'AKID',
  aws_secret_access_key: 'secret',
  aws_service: 's3',
  aws_region: 'eu-central-1',
};

test('a request gets the headers of AWS signature version 4', () => {
  const request: Value = { method: 'get', url: 'https://bucket.s3.amazonaws.com/key', headers: { 'X-Own': 'a' } };
  const result = callBuiltin('providers.aws.sign_req', request, config, 1_440_938_160_000_000_000);
  if (!('value' in result)) throw new Error(result.error);
  const headers = getIndex(result.value ?? null, 'headers') ?? null;
  expect(getIndex(headers, 'x-amz-date')).toBe('20150830T123600Z');
  expect(getIndex(headers, 'x-amz-content-sha256')).toBe(
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
  expect(getIndex(headers, 'Authorization')).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKID\/20150830\/eu-central-1\/s3\/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-own,Signature=[0-9a-f]{64}$/,
  );
});

test('a configuration without its keys is an error', () => {
  expect(callBuiltin('providers.aws.sign_req', { method: 'get', url: 'https://a.example' }, {}, 0)).toEqual({
    error: expect.stringContaining('missing required AWS config parameters'),
  });
});
