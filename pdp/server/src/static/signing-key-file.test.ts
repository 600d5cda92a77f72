import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSigningKey } from '@edict/bundle';
import { expect, test } from '@jest/globals';
import { useFolders } from '../testing/folders.ts';
import { loadSigningKey } from './signing-key-file.ts';

const newFolder = useFolders();

const never = (): never => {
  throw new Error('a key was made although there is one');
};

test('a key is made once, for its owner alone, and stays', async () => {
  const path = join(await newFolder(), 'key.json');
  const key = await loadSigningKey(path, generateSigningKey);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await loadSigningKey(path, never)).toEqual(key);
});

test.each([
  ['half of a key', '{"keyId":'],
  ['another object', '{"keyId":"a"}'],
  ['nothing', ''],
])('%s is an error, and stays as it is', async (_what, text) => {
  const path = join(await newFolder(), 'key.json');
  await writeFile(path, text);
  await expect(loadSigningKey(path, never)).rejects.toThrow('is no signing key');
  expect(await readFile(path, 'utf8')).toBe(text);
});
