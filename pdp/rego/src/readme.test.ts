import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import * as api from './index.ts';
import { DEFAULT_MAX_MS, DEFAULT_MAX_STEPS, STEPS_PER_LOOK } from './runtime/evaluation.ts';
import { DEFAULT_MAX_DEPTH, DEFAULT_MAX_OUTPUT } from './runtime/output.ts';
import { MAX_NESTING } from './limits.ts';

const folder = join(import.meta.dirname, '..');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');

const block = (language: string): string => {
  const found = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(readme)?.[1];
  if (found === undefined) throw new Error(`README.md has no block of ${language}`);
  return found;
};

test('the example of the README prints what the README says', () => {
  const printed = execFileSync(process.execPath, ['--input-type=module-typescript', '--no-warnings', '-'], {
    cwd: folder,
    input: block('ts'),
    encoding: 'utf8',
  });
  expect(printed).toBe(block('text'));
});

test('nothing but the calls of the README is public', () => {
  expect(Object.keys(api).sort()).toEqual(['compile', 'instantiate']);
});

test.each([
  ['maxSteps', DEFAULT_MAX_STEPS],
  ['maxMs', DEFAULT_MAX_MS],
  ['maxOutput', DEFAULT_MAX_OUTPUT],
  ['maxDepth', DEFAULT_MAX_DEPTH],
])('the README names the default of %s', (option, value) => {
  const row = readme.split('\n').find((line) => line.startsWith(`| \`${option}\``));
  expect(row?.split('|').at(-2)?.trim()).toBe(value.toLocaleString('en'));
});

test('the README names the bounds that are fixed', () => {
  expect(readme).toContain(`every ${STEPS_PER_LOOK.toLocaleString('en')} steps`);
  expect(readme).toContain(`nest ${MAX_NESTING} levels deep`);
});

test('the tests that the README names are there', () => {
  const named = [...readme.matchAll(/`(src\/[\w./-]+\.ts)`/g)].map(([, file]) => file ?? '');
  expect(named.length).toBeGreaterThan(5);
  for (const file of named) expect(readFileSync(join(folder, file), 'utf8')).not.toBe('');
});
