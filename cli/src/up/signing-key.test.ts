import { readFile, stat } from 'node:fs/promises';
import { generateSigningKey } from '@edict/bundle';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '../testing/run-edict.ts';
import { loadSigningKey } from './signing-key.ts';

const never = (): never => {
  throw new Error('a key was made although there is one');
};

test('a key is made once, for its owner alone, and stays', async () => {
  await using folder = await temporaryFolder();
  const path = folder.path('key.json');
  const key = await loadSigningKey(path, generateSigningKey);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await loadSigningKey(path, never)).toEqual(key);
});

test.each([
  ['half of a key', '{"keyId":'],
  ['another object', '{"keyId":"a"}'],
  ['nothing', ''],
])('%s is an error, and stays as it is', async (_what, text) => {
  await using folder = await temporaryFolder({ 'key.json': text });
  await expect(loadSigningKey(folder.path('key.json'), never)).rejects.toThrow('is no signing key');
  expect(await readFile(folder.path('key.json'), 'utf8')).toBe(text);
});
