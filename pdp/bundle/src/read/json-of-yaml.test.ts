import { expect, test } from '@jest/globals';
import { jsonOfYaml } from './json-of-yaml.ts';

test.each<[string, string]>([
  ['a: [1.0, x]\nb: ~', '{"a":[1.0,"x"],"b":null}'],
  ['1: a\ntrue: b', '{"1":"a","true":"b"}'],
  ['- 2026-01-02', '["2026-01-02"]'],
  ['{"a": 1e400}', '{"a":1e400}'],
  ['', 'null'],
  ['x', '"x"'],
])('%j is %s', (yaml, json) => {
  expect(jsonOfYaml(yaml)).toStrictEqual({ ok: true, text: json });
  expect(jsonOfYaml(new TextEncoder().encode(yaml))).toStrictEqual({ ok: true, text: json });
});

test.each([
  ['a: [', 'Flow'],
  ['a: .inf', '.inf is not JSON'],
  ['a: 1\na: 2', 'already defined'],
  ['&x [*x]', 'contains itself'],
])('%j is refused', (yaml, message) => {
  expect(jsonOfYaml(yaml)).toMatchObject({ ok: false, message: expect.stringContaining(message) });
});
