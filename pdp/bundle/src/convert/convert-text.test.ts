import { expect, test } from '@jest/globals';
import { readDomain } from '../read/read-domain.ts';
import { convertText } from './convert-text.ts';
import { toDomainObject } from './domain-object.ts';
import { printDomainObject } from './print-object.ts';
import type { DomainModel } from '../model.ts';
import type { ApiVersion } from '../sourced-domain.ts';

const alpha4 = 'iamlite.manetu.io/v1alpha4';
const domainText = (apiVersion: string, annotations: string, more = '') =>
  `# ours\napiVersion: ${apiVersion} # version\nkind: PolicyDomain\nmetadata:\n  name: shop\nspec:\n  roles:\n  - mrn: r\n    annotations:\n${annotations}${more}`;

const convert = (text: string, target: ApiVersion) => {
  const result = convertText(text, 'shop.yaml', target);
  if (!result.ok) throw new Error(result.problems[0]?.message);
  return result;
};

test.each([
  ['a number', '    - {name: a, value: 42}\n', 'value: "42"'],
  ['a hexadecimal number', '    - {name: a, value: 0x1F}\n', 'value: "0x1F"'],
  ['a date', '    - {name: a, value: 2024-01-15}\n', 'value: "2024-01-15"'],
  ['null', '    - {name: a, value: ~}\n', 'value: ""'],
  ['an empty value', '    - name: a\n      value:\n', 'value: ""'],
  ['a missing value', '    - name: a\n', 'value: ""'],
  ['a missing value in a flow mapping', '    - {name: a}\n', 'value: ""'],
  ['quoted text', "    - {name: a, value: '42'}\n", "value: '42'"],
  ['plain text', '    - {name: a, value: gold}\n', 'value: gold'],
])('%s keeps its meaning on the way to native values, and the file its comments', (_name, annotations, written) => {
  const text = domainText(alpha4, annotations);
  const { text: converted, losses } = convert(text, 'edict.dev/v1beta1');
  expect(converted).toContain(written);
  expect(converted).toContain('# ours\napiVersion: edict.dev/v1beta1 # version\n');
  expect(domainOf(converted)).toEqual(domainOf(text));
  expect(losses).toEqual([]);
});

test.each([
  ['a list', '    - {name: a, value: [1.5, x]}\n', 'value: "[1.5,\\"x\\"]"'],
  ['a hexadecimal number', '    - {name: a, value: 0x1F}\n', 'value: "31"'],
  ['a date', '    - {name: a, value: 2024-01-15}\n', undefined],
  ['null', '    - name: a\n      value: ~\n', 'value: "null"'],
  ['a missing value', '    - name: a\n', 'value: "null"'],
  ['text', '    - {name: a, value: gold}\n', 'value: gold'],
])('%s becomes JSON text on the way back', (_name, annotations, written) => {
  const { text } = convert(domainText('edict.dev/v1beta1', annotations), alpha4);
  if (written !== undefined) expect(text).toContain(written);
  expect(domainOf(text)?.roles[0]?.annotations).toHaveLength(1);
});

test('what v1alpha3 ignores does not come to life', () => {
  const merge = '    - {name: a, value: x, merge: replace}\n';
  const text = domainText('iamlite.manetu.io/v1alpha3', merge, '  resources:\n  - {name: all, selector: [".*"]}\n');
  const { text: converted } = convert(text, 'edict.dev/v1beta1');
  expect(domainOf(converted)).toEqual(domainOf(text));
  expect(domainOf(converted)).toMatchObject({ resources: [], roles: [{ annotations: [{ merge: '' }] }] });
});

test('what v1alpha3 cannot say is told', () => {
  const merge = '    - {name: a, value: 9007199254740993, merge: replace}\n';
  const text = domainText('edict.dev/v1beta1', merge, '  resources:\n  - {name: all, selector: [".*"]}\n');
  expect(convert(text, 'iamlite.manetu.io/v1alpha3').losses).toEqual([
    '1 resources are dropped',
    "annotation 'a' of 'r': integers beyond 2^53 are rounded",
    "annotation 'a' of 'r': merge 'replace' is dropped",
  ]);
});

test('data keeps the text of its numbers, even where the file has to be written anew, and is dropped with a word', () => {
  const data = '  data: {"a b": [1.10, 1e400, {}, []], n: {yes: -0, big: 12345678901234567890123, s: "\\u2028"}}\n';
  const text = domainText('edict.dev/v1beta1', '    - {name: a, value: [1, 2]}\n', data);
  expect(convert(text, 'edict.dev/v1beta1').text).toBe(text);
  const printed = printDomainObject(toDomainObject({ ...domainOrFail(text), data: '{}' }), domainOrFail(text).data);
  expect(domainOf(printed)).toEqual(domainOf(text));
  const bare = { ...domainOrFail(text), roles: [] };
  expect(domainOf(printDomainObject(toDomainObject({ ...bare, data: '{}' }), bare.data))).toEqual(bare);
  const { text: other, losses } = convert(text, 'iamlite.manetu.io/v1beta1');
  expect(losses).toEqual(['the data is dropped']);
  const { data: _dropped, ...rest } = domainOrFail(text);
  expect(domainOf(other)).toEqual(rest);
});

test('an object has data with the numbers that JavaScript has, and refuses those that it would change', () => {
  const domain = domainOrFail(domainText('edict.dev/v1beta1', '    - {name: a}\n'));
  const objectOf = (data: string) => toDomainObject({ ...domain, data }).spec['data'];
  expect(objectOf('{"a":[1.10,1e2,{"__proto__":null}]}')).toEqual(JSON.parse('{"a":[1.1,100,{"__proto__":null}]}'));
  for (const number of ['9007199254740993', '1e400']) {
    expect(() => objectOf(`{"a":${number}}`)).toThrow(expect.objectContaining({ code: 'integer-too-large' }));
  }
});

test('what no text can say is a problem, and so is a file that cannot be read', () => {
  const text = domainText('edict.dev/v1beta1', '    - {name: a, value: .inf}\n');
  expect(convertText(text, 'f', alpha4)).toMatchObject({ ok: false, problems: [{ class: 'build', domain: 'shop' }] });
  expect(convertText('kind: x', 'f', alpha4)).toMatchObject({ ok: false, problems: [{ class: 'kind' }] });
});

test('a relabelled file that JSON cannot hold stays as it is', () => {
  const text = domainText('iamlite.manetu.io/v1beta1', '    - {name: a, value: .inf}\n');
  expect(convert(text, 'edict.dev/v1beta1').text).toBe(text.replace('iamlite.manetu.io/v1beta1', 'edict.dev/v1beta1'));
});

function domainOf(text: string) {
  const read = readDomain(text, 'f');
  return read.ok ? read.domain : undefined;
}

function domainOrFail(text: string): DomainModel {
  const domain = domainOf(text);
  if (domain === undefined) throw new Error('the text is no domain');
  return domain;
}
