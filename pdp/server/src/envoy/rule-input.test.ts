import { describe, expect, test } from '@jest/globals';
import { MAX_FORM_PARTS } from './multipart.ts';
import { ruleInput } from './rule-input.ts';
import { RequestParseError } from './url-escape.ts';

interface Parsed {
  readonly parsed_path: readonly string[];
  readonly parsed_query: Readonly<Record<string, readonly string[]>>;
  readonly parsed_body: unknown;
  readonly truncated_body: boolean;
  readonly source_principal?: string;
}

const inputOf = (http: object): Parsed => ruleInput({ request: { http } }) as Parsed;
const JSON_TYPE = { 'content-type': 'application/json' };

test('the document has the attributes and what is parsed of them', () => {
  const attributes = { source: { principal: 'spiffe://shop' }, request: { http: { path: '/a/b?c=d' } } };
  expect(ruleInput(attributes)).toStrictEqual({
    attributes,
    version: { ext_authz: 'v3', encoding: 'protojson' },
    parsed_path: ['a', 'b'],
    parsed_query: { c: ['d'] },
    parsed_body: null,
    truncated_body: false,
    source_principal: 'spiffe://shop',
  });
});

test('there is a document also without attributes', () => {
  expect(ruleInput(undefined)).toStrictEqual({
    version: { ext_authz: 'v3', encoding: 'protojson' },
    parsed_path: [''],
    parsed_query: {},
    parsed_body: null,
    truncated_body: false,
  });
});

test.each<[string, readonly string[]]>([
  ['/', ['']],
  ['//a//b/', ['a', '', 'b', '']],
  ['/a%20b/c%2Fd', ['a b', 'c', 'd']],
  ['/caf%C3%A9', ['café']],
  ['/a+b', ['a+b']],
  ['*', ['*']],
])('the path %s has its parts', (path, parts) => {
  expect(inputOf({ path }).parsed_path).toStrictEqual(parts);
});

test.each<[string, object]>([
  ['/?a=1&b=2&a=3', { a: ['1', '3'], b: ['2'] }],
  ['/?a', { a: [''] }],
  ['/?&&a=b=c', { a: ['b=c'] }],
  ['/?x+y=%26+z', { 'x y': ['& z'] }],
  ['/?__proto__=1', JSON.parse('{"__proto__":["1"]}') as object],
])('the query of %s has its parameters', (path, query) => {
  expect(Object.entries(inputOf({ path }).parsed_query)).toStrictEqual(Object.entries(query));
});

test.each([
  ['/%zz', 'invalid URL escape "%zz"'],
  ['/%', 'invalid URL escape "%"'],
  ['/a?b=%4', 'invalid URL escape "%4"'],
  ['/%ff', 'the escapes in the URL are no UTF-8'],
  ['/?a=%c3%28', 'the escapes in the URL are no UTF-8'],
  ['/?a=1;b=2', 'invalid semicolon separator in query'],
])('%s cannot be read', (path, message) => {
  expect(() => inputOf({ path })).toThrow(new RequestParseError(message));
});

describe('bodies', () => {
  test.each<[string, object, unknown]>([
    ['JSON', { headers: JSON_TYPE, body: '{"a":[1,null]}' }, { a: [1, null] }],
    ['JSON in raw bytes', { headers: JSON_TYPE, rawBody: Buffer.from('[true]').toString('base64') }, [true]],
    ['JSON with a parameter', { headers: { 'content-type': 'application/json; charset=utf-8' }, body: '1' }, 1],
    ['JSON whose type is written large', { headers: { 'content-type': 'Application/JSON' }, body: '"x"' }, 'x'],
    [
      'JSON whose type is in a list of headers',
      { headerMap: { headers: [{ key: 'Content-Type', value: 'application/json' }] }, body: '{}' },
      {},
    ],
    [
      'a form',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=1&a=2&b=c+d' },
      { a: ['1', '2'], b: ['c d'] },
    ],
    ['another type', { headers: { 'content-type': 'text/plain' }, body: 'hello' }, null],
    ['no type', { body: '{"a":1}' }, null],
    ['no body', { headers: JSON_TYPE }, null],
    ['gRPC', { headers: { 'content-type': 'application/grpc' }, rawBody: 'AAAAAAA=' }, null],
  ])('%s', (_, http, expected) => {
    expect(inputOf(http)).toMatchObject({ parsed_body: expected, truncated_body: false });
  });

  test('a multipart form has the parts that have a name', () => {
    const body = [
      'preamble',
      '--B',
      'Content-Disposition: form-data; name="a"',
      '',
      'one',
      '--B',
      'content-disposition: form-data; name=a; filename="x.txt"',
      'Content-Type: text/plain',
      '',
      'two\r\nlines',
      '--B',
      'Content-Disposition: form-data; name="j\\"son"',
      'Content-Type: application/json',
      '',
      '{"n":1}',
      '--B',
      'Content-Disposition: attachment',
      '',
      'no name',
      '--B--',
      'epilogue',
    ].join('\r\n');
    expect(
      inputOf({ headers: { 'content-type': 'multipart/form-data; boundary="B"' }, body }).parsed_body,
    ).toStrictEqual({
      a: ['one', 'two\r\nlines'],
      'j"son': [{ n: 1 }],
    });
  });

  const FORM = { 'content-type': 'multipart/form-data; boundary=B' };
  test.each<[string, object]>([
    ['JSON that is none', { headers: JSON_TYPE, body: '{bad' }],
    ['JSON with something behind it', { headers: JSON_TYPE, body: '{} {}' }],
    ['JSON that is no UTF-8', { headers: JSON_TYPE, rawBody: Buffer.from([0x22, 0xff, 0x22]).toString('base64') }],
    [
      'a form with an escape that is none',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'a=%g' },
    ],
    ['a content-length that is none', { headers: { ...JSON_TYPE, 'content-length': '1, 1' }, body: '{}' }],
    ['a multipart form without its boundary', { headers: FORM, body: 'x' }],
    [
      'a multipart form without an end',
      { headers: FORM, body: '--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx' },
    ],
    ['a part without an end of its headers', { headers: FORM, body: '--B\r\nContent-Disposition: form-data\r\n--B--' }],
    ['a boundary with something behind it', { headers: FORM, body: '--Bx\r\n\r\n\r\n--B--' }],
    ['too many parts', { headers: FORM, body: `${'--B\r\nA: b\r\n\r\nx\r\n'.repeat(MAX_FORM_PARTS + 2)}--B--` }],
  ])('%s cannot be read', (_, http) => {
    expect(() => inputOf(http)).toThrow(RequestParseError);
  });

  test.each<[string, object]>([
    ['of which Envoy says so', { headers: { ...JSON_TYPE, 'x-envoy-auth-partial-body': 'true' }, body: '{"a"' }],
    [
      'of which Envoy says so, although it could be read',
      { headers: { ...JSON_TYPE, 'x-envoy-auth-partial-body': 'true' }, body: '{}' },
    ],
    [
      'of which Envoy says so in a list of headers',
      {
        headerMap: {
          headers: [{ key: 'x-envoy-auth-partial-body', rawValue: Buffer.from('true').toString('base64') }],
        },
        body: '{}',
      },
    ],
    ['that is shorter than announced', { headers: { ...JSON_TYPE, 'content-length': '500' }, body: '{}' }],
    [
      'that is shorter than announced, in raw bytes',
      { headers: { ...JSON_TYPE, 'content-length': '500' }, rawBody: 'e30=' },
    ],
    ['of a type that is not read', { headers: { 'content-type': 'text/csv', 'content-length': '500' }, body: 'a' }],
    ['without a type', { headers: { 'content-length': '500' }, body: 'a' }],
    ['of which nothing was sent', { headers: { 'x-envoy-auth-partial-body': 'true' } }],
  ])('a body %s is truncated, not absent', (_, http) => {
    expect(inputOf(http)).toMatchObject({ parsed_body: null, truncated_body: true });
  });
});
