import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { chartPage, generatedPages } from './pages.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.md'),
);
const read = (file: string): string => readFileSync(join(root, 'docs', file), 'utf8');

test.each([...generatedPages()])('docs/%s is what "npm run generate" makes', (file, text) => {
  expect(read(file)).toBe(text);
});

test('the values in helm/README.md are those of the chart', () => {
  expect(readFileSync(join(root, 'helm/README.md'), 'utf8')).toBe(chartPage());
});

/** Targets of the links of a page to files, without what follows `#`. */
function linksOf(text: string): readonly string[] {
  return [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map(([, target]) => target ?? '')
    .filter((target) => !/^[a-z]+:/.test(target));
}

test('links are found in text', () => {
  expect(linksOf('[a](b.md) and [c](../d.ts#L1), not [e](https://f) nor [g](#h)')).toEqual(['b.md', '../d.ts']);
});

test.each(docs)('every link of docs/%s leads to a file', (page) => {
  const broken = linksOf(read(page)).filter((target) => !existsSync(join(root, 'docs', dirname(page), target)));
  expect(broken).toEqual([]);
});

test('the life of a policy links every step to its code', () => {
  expect(linksOf(read('life-of-a-policy.md')).length).toBeGreaterThan(20);
});

test.each(['getting-started.md', 'life-of-a-policy.md'])('commands of docs/%s are commands that there are', (page) => {
  const reference = read('cli.md');
  const commands = [...read(page).matchAll(/(?:edict|edict --) ((?:rollout|test) [a-z]+|[a-z]+)(?= |`|$)/gm)].map(
    ([, words]) => words ?? '',
  );
  expect(commands).not.toEqual([]);
  for (const words of commands) expect(reference).toContain(`### edict ${words}\n`);
});
