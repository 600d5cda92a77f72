import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { compile } from './compile.ts';
import { instantiate } from './instantiate.ts';
import { parseJson, stringify, toJson } from './runtime/json.ts';
import type { Value } from './runtime/value.ts';

/** What comparing with OPA on random programs has found: see `test/fuzz/rego.ts`. */
interface Found {
  readonly seed: number;
  readonly source: string;
  readonly data: Value;
  readonly input: Value;
  /** Whether the first error of a built-in failed the evaluation. */
  readonly strict?: boolean;
  readonly expected: { readonly value: string } | { readonly error: string };
}

const dir = join(import.meta.dirname, 'found');

const readFound = (file: string): Found => {
  const parsed = parseJson(readFileSync(join(dir, file), 'utf8'));
  if (!parsed.ok) throw new Error(`${file}: ${parsed.problem.message}`);
  return parsed.value as Found;
};

const answer = ({ source, data, input, strict = false, expected }: Found): Found['expected'] => {
  const compiled = compile([{ name: 'm.rego', source }], { entrypoints: ['fuzz'] });
  if (!compiled.ok) return { error: [...new Set(compiled.diagnostics.map(({ code }) => code))].sort().join(' ') };
  if ('value' in expected && expected.value === '') return { value: '' };
  const outcome = instantiate(compiled.program, { data }).evaluate('fuzz', input, {
    strictBuiltinErrors: strict,
  });
  if (outcome.kind === 'error') return { error: outcome.code };
  return { value: outcome.kind === 'undefined' ? 'undefined' : stringify(toJson(outcome.value)) };
};

const files = existsSync(dir) ? readdirSync(dir).filter((file) => file.endsWith('.json')) : [];

test('there are cases', () => {
  expect(files.length).toBeGreaterThan(0);
});

test.each(files)('%s has the answer of OPA', (file) => {
  const found = readFound(file);
  expect(answer(found)).toEqual(found.expected);
});
