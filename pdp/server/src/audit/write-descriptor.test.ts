import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { writeDescriptor } from './write-descriptor.ts';

test('buffers of two callers arrive whole and in order', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edict-'));
  const file = join(folder, 'out');
  const fd = openSync(file, 'w');
  const write = writeDescriptor(fd);
  const put = (text: string) => new Promise((resolve) => write(Buffer.from(text), resolve));
  const long = 'x'.repeat(300_000);
  await Promise.all([put(`${long}\n`), put('a\n'), put(`${long}\n`), put('b\n')]);
  closeSync(fd);
  expect(readFileSync(file, 'utf8')).toBe(`${long}\na\n${long}\nb\n`);
  rmSync(folder, { recursive: true });
});

test('a descriptor that is closed is an error, not a crash', async () => {
  const write = writeDescriptor(99_999);
  const error = await new Promise<Error | null>((resolve) => write(Buffer.from('x'), resolve));
  expect(error).toMatchObject({ code: 'EBADF' });
});
