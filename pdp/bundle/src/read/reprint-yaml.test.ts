import { expect, test } from '@jest/globals';
import { reprintYaml } from './reprint-yaml.ts';

test.each<[string, string, string]>([
  [
    'levels become four spaces, lists included',
    'a:\n  b:\n  - c: 1\n    d: 2\n',
    'a:\n    b:\n        - c: 1\n          d: 2\n',
  ],
  ['what follows a list falls back on levels', 'a:\n- b:\n  - c\n', 'a:\n    - b:\n        - c\n'],
  ['flow style stays', 'a: {b: [1,  "x"], c: }\n', 'a: {b: [1, "x"], c:}\n'],
  ['comments stay', '# top\n\na: 1 # one\n# two\nb: 2\n', '# top\n\na: 1 # one\n# two\nb: 2\n'],
  ['blocks stay', 'a: |-\n  x\n\n  y\nb: 1\n', 'a: |-\n    x\n\n    y\nb: 1\n'],
  ['quotes stay', `a: 'it''s'\nb: "\\t"\n`, `a: 'it''s'\nb: "\\t"\n`],
  ['anchors, aliases and tags stay', 'a: &x !!str 1\nb: *x\n', 'a: &x !!str 1\nb: *x\n'],
  ['text that does not parse stays', 'a: [\n', 'a: [\n'],
])('%s', (_name, text, expected) => {
  expect(reprintYaml(text)).toBe(expected);
});
