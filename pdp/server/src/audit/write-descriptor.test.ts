import { spawn } from 'node:child_process';
import { once } from 'node:events';
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

test.each([
  ['a pipe', '{ "$0" "$@"; echo "ended $?" >&2; } | sleep 60'],
  ['a socket', '"$0" "$@"; echo "ended $?" >&2'],
])('%s whose reader stalls holds up neither its writer nor the end of the process', async (_name, shell) => {
  const module = new URL('./write-descriptor.ts', import.meta.url);
  const script = `
    import { writeDescriptor } from ${JSON.stringify(module.href)};
    writeDescriptor(1)(Buffer.alloc(8_000_000, 'x'), () => process.exit(1));
    setTimeout(() => process.exit(7), 1);`;
  // Node gives a child a socket as its standard output, which is not read here.
  const child = spawn('sh', ['-c', shell, process.execPath, '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => (said += part));
  while (!said.includes('ended')) await once(child.stderr, 'data');
  expect(said).toContain('ended 7');
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
});
