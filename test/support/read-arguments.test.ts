import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { usageOf } from './read-arguments.ts';

test('the usage is the first comment of several lines, without its stars', () => {
  expect(
    usageOf("import a from 'b';\n\n/** Short. */\n/**\n * Does it: `x`.\n *\n *   x --y\n */\nrun();\n/**\n * no\n */"),
  ).toBe('Does it: `x`.\n\n  x --y');
  expect(() => usageOf('run();')).toThrow('no comment');
});

const TOOLS = ['bench', 'conformance', 'fuzz'].flatMap((folder) =>
  readdirSync(join(import.meta.dirname, '..', folder), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => ({ tool: `${folder}/${name}`, source: readSource(folder, name) }))
    .filter(({ source }) => source.includes('readArguments(import.meta.filename')),
);

function readSource(folder: string, name: string): string {
  return readFileSync(join(import.meta.dirname, '..', folder, name), 'utf8');
}

test.each(TOOLS)('$tool says every option that it has', ({ source }) => {
  const [, declared = ''] = /readArguments\(import\.meta\.filename, \{\n([\s\S]*?)\n\}\)/.exec(source) ?? [];
  const usage = usageOf(source);
  const options = [...declared.matchAll(/^ {2}'?([a-z-]+)'?: \{/gm)].map(([, name]) => `--${name ?? ''}`);
  expect(options).not.toStrictEqual([]);
  expect(options.filter((option) => !usage.includes(option))).toStrictEqual([]);
});
