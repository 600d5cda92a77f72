import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

/** The example as a user runs it: a process of its own. */
let app: ChildProcess;
let folder: string;
let url: string;
let policyFile: string;
let recordsFile: string;
let printed = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edict-embedding-'));
  policyFile = join(folder, 'policy.yaml');
  recordsFile = join(folder, 'records.jsonl');
  await writeFile(policyFile, await readFile(join(import.meta.dirname, 'policy.yaml')));
  app = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), '0', policyFile, recordsFile]);
  for (const stream of [app.stdout, app.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (printed += text));
  }
  url = `http://127.0.0.1:${await printedText(/listening on (\d+)/)}`;
});

afterAll(async () => {
  if (app.exitCode === null && app.kill()) await once(app, 'exit');
  await rm(folder, { recursive: true });
});

/** Waits until the application has printed it; a wait in vain ends with what it printed instead. */
async function printedText(pattern: RegExp): Promise<string> {
  const until = performance.now() + 20_000;
  while (performance.now() < until && app.exitCode === null) {
    const found = pattern.exec(printed);
    if (found !== null) return found[1] ?? found[0];
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`it did not print ${String(pattern)} but: ${printed}`);
}

async function ask(method: string, note: string, user: string, roles: string, body?: string): Promise<string> {
  const headers = { 'x-user': user, 'x-roles': roles };
  const response = await fetch(`${url}/notes/${note}`, { method, headers, ...(body === undefined ? {} : { body }) });
  return `${response.status} ${await response.text()}`;
}

async function records(): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const lines = (await readFile(recordsFile, 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

test('the policy decides who reads and who writes, and every decision is recorded before it is given', async () => {
  expect([
    await ask('GET', 'plan', 'ann', 'reader'),
    await ask('GET', 'plan', 'bob', 'reader'),
    await ask('GET', 'menu', 'bob', 'reader'),
    await ask('PUT', 'menu', 'bob', 'reader', 'stew'),
    await ask('PUT', 'menu', 'bob', 'writer', 'stew'),
    await ask('GET', 'menu', '', 'reader'),
    await ask('GET', 'none', 'ann', 'reader'),
  ]).toStrictEqual([
    '200 write the plan',
    '403 denied',
    '200 soup',
    '403 denied',
    '200 stew',
    '403 denied',
    '404 no such note',
  ]);
  const written = await records();
  expect(written.map(({ decision }) => decision)).toStrictEqual(['GRANT', 'DENY', 'GRANT', 'DENY', 'GRANT', 'DENY']);
  expect(written[0]?.['metadata']).toMatchObject({ policySet: 'app/notes', policyRevision: '1' });
});

test('a new policy is swapped to without a restart, and a broken one changes nothing', async () => {
  const policy = await readFile(policyFile, 'utf8');
  await writeFile(policyFile, policy.replace('allow if input.resource.annotations.shared', ''));
  app.kill('SIGHUP');
  await printedText(/policy revision 2/);
  expect(await ask('GET', 'menu', 'bob', 'reader')).toBe('403 denied');
  expect((await records()).at(-1)?.['metadata']).toMatchObject({ policyRevision: '2' });

  await writeFile(policyFile, policy.replace('default allow := false', 'default allow := '));
  app.kill('SIGHUP');
  expect(await printedText(/policy\.yaml:\d+:\d+: .*/)).toContain('mrn:notes:policy:reader');
  expect(await ask('GET', 'plan', 'ann', 'reader')).toBe('200 write the plan');
});
