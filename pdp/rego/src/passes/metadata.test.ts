import { expect, test } from '@jest/globals';

import { printTerm } from '../print.ts';
import { parseModule } from '../parser/index.ts';
import { diagnose } from './index.ts';
import { resolveModules } from './resolve.ts';

const valueOf = (source: string): string => {
  const { module } = parseModule(source, 'm.rego', 'v1');
  const { unit, diagnostics } = resolveModules(module === undefined ? [] : [module]);
  expect(diagnostics).toEqual([]);
  const value = unit.modules[0]?.rules.at(-1)?.head.value;
  return value === undefined ? '' : printTerm(value);
};

const documented = `# METADATA
# scope: subpackages
# title: Everything
package a

# METADATA
# title: The rule
# authors:
# - Ann Other <ann@example.org>
# custom:
#   level: 3
p := `;

test('a rule sees its own annotations', () => {
  expect(valueOf(`${documented}rego.metadata.rule()`)).toBe(
    '{"scope": "rule", "title": "The rule", "authors": [{"name": "Ann Other", "email": "ann@example.org"}], "custom": {"level": 3}}',
  );
});

test('a chain leads from the rule outwards', () => {
  expect(valueOf(`${documented}[link.path | some link in rego.metadata.chain()]`)).toContain(
    '{"path": ["a"], "annotations": {"scope": "subpackages", "title": "Everything"}}',
  );
});

test('a rule without annotations has none', () => {
  expect(valueOf('package a\np := rego.metadata.rule()')).toBe('{}');
});

test.each([
  ['an unknown scope', '# METADATA\n# scope: nowhere', "3 rego_parse_error: invalid annotation scope 'nowhere'"],
  ['text that is no YAML', '# METADATA\n# title: [broken', '4 rego_parse_error: yaml:'],
  ['an empty block', '# METADATA', '3 rego_parse_error: expected METADATA block, found whitespace'],
  [
    'a scope in the wrong place',
    '# METADATA\n# scope: package',
    "3 rego_parse_error: annotation scope 'package' must be",
  ],
])('%s is an error where a rule asks for annotations', (_name, block, expected) => {
  const check = (value: string): string[] =>
    diagnose([{ name: 'm.rego', source: `package a\n\n${block}\np := ${value}` }], 'v1').diagnostics.map(
      ({ code, message, location }) => `${location.row} ${code}: ${message}`,
    );
  expect(check('rego.metadata.rule()')[0]).toContain(expected);
  expect(check('1')).toEqual([]);
});
