import { expect, test } from '@jest/globals';
import { RegoNumber, RegoSet, type Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';

test.each<[string, readonly Value[], Value]>([
  ['base64.decode', ['aGk='], 'hi'],
  ['base64.is_valid', ['aGk'], false],
  ['base64url.decode', ['_-8'], '\ufffd\ufffd'],
  ['base64url.encode_no_pad', ['??>'], 'Pz8-'],
  ['hex.encode', ['é'], 'c3a9'],
  ['urlquery.encode', ["a b&'*"], 'a+b%26%27%2A'],
  ['urlquery.decode', ['a+b%26'], 'a b&'],
  ['urlquery.encode_object', [{ b: ['x', 'y'], a: '1' }], 'a=1&b=x&b=y'],
  ['urlquery.decode_object', ['a=1&b=x&b=y&c'], { a: ['1'], b: ['x', 'y'], c: [''] }],
  ['json.marshal', [[new RegoSet([2, 1]), '<']], '[[1,2],"\\u003c"]'],
  ['json.marshal_with_options', [[1], { indent: ' ', prefix: '#' }], '#[\n# 1\n#]'],
  ['json.unmarshal', ['{"a": 1.0}'], { a: new RegoNumber('1.0') }],
  ['json.is_valid', ['[1,]'], false],
  ['yaml.unmarshal', ['a: yes\nb: 0x10\nc: 2020-01-01\n1: ~'], { a: 'yes', b: 16, c: '2020-01-01', '1': null }],
  ['yaml.unmarshal', ['base: &b {x: 1}\nd:\n  <<: *b\n  y: 2'], { base: { x: 1 }, d: { x: 1, y: 2 } }],
  ['yaml.is_valid', ['a: [1'], false],
  [
    'yaml.marshal',
    [{ b: 'true', a: [1, { c: 'x: y' }], d: 'l1\nl2' }],
    'a:\n  - 1\n  - c: \'x: y\'\nb: "true"\nd: |-\n  l1\n  l2\n',
  ],
  ['semver.compare', ['1.0.0-alpha.2', '1.0.0-alpha.10'], -1],
  ['semver.compare', ['1.0.0-99999999999999999999', '1.0.0-99999999999999999998'], 1],
  ['semver.is_valid', ['v1.2.3-rc.1+b5'], true],
  ['units.parse', ['1.5Ki'], 1536],
  ['units.parse', ['0.1m'], new RegoNumber('0.0001000000')],
  ['units.parse_bytes', ['10ei'], new RegoNumber('11529215046068469760')],
  ['uuid.parse', ['6ba7b810-9dad-41d1-80b4-00c04fd430c8'], { variant: 'RFC4122', version: 4 }],
  ['uuid.rfc4122', ['k'], '00010203-0405-4607-8809-0a0b0c0d0e0f'],
  ['crypto.sha256', [''], 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['crypto.hmac.md5', ['what do ya want for nothing?', 'Jefe'], '750c783e6ab0b503eaa86e310a5db738'],
  ['crypto.hmac.equal', ['a', 'b'], false],
  ['net.cidr_contains', ['10.0.0.0/8', '10.1.0.0/16'], true],
  ['net.cidr_contains', ['10.0.0.0/8', '::ffff:10.0.0.1'], true],
  ['net.cidr_intersects', ['10.0.0.0/8', '10.1.0.0/16'], true],
  ['net.cidr_is_valid', ['10.0.0.0/33'], false],
  [
    'uri.parse',
    ['https://[::1]:8080/a%2Fb?q=1#f'],
    {
      scheme: 'https',
      hostname: '::1',
      port: '8080',
      path: '/a/b',
      raw_path: '/a%2Fb',
      raw_query: 'q=1',
      fragment: 'f',
    },
  ],
  ['uri.is_valid', ['http://a b/'], false],
  ['json.verify_schema', [{ type: 'string' }], [true, null]],
  [
    'json.match_schema',
    [{ a: 1 }, { properties: { a: { type: 'string' } }, required: ['b'] }],
    [
      false,
      [
        { error: '(root): b is required', type: 'required', field: '(root)', desc: 'b is required' },
        {
          error: 'a: Invalid type. Expected: string, given: integer',
          type: 'invalid_type',
          field: 'a',
          desc: 'Invalid type. Expected: string, given: integer',
        },
      ],
    ],
  ],
  ['net.lookup_ip_addr', ['localhost'], new RegoSet(['127.0.0.1', '::1'])],
])('%s(%j) is %j', (name, args, expected) => {
  expect(callBuiltin(name, ...args)).toEqual({ value: expected });
});

test.each<[readonly string[], readonly string[]]>([
  [['10.0.0.0/25', '10.0.0.128/25'], ['10.0.0.0/24']],
  [
    ['10.0.0.1/32', '10.0.0.2/31', '10.0.0.8/32'],
    ['10.0.0.1/32', '10.0.0.2/31', '10.0.0.8/32'],
  ],
  [
    ['fe80::/65', 'fe80:0:0:0:8000::/65', '10.0.0.0/8'],
    ['10.0.0.0/8', 'fe80::/64'],
  ],
])('merging %j gives %j', (networks, expected) => {
  const result = callBuiltin('net.cidr_merge', networks);
  expect('value' in result && result.value instanceof RegoSet ? result.value.values() : result).toEqual(expected);
});

test.each<[string, readonly Value[], string]>([
  ['base64.decode', ['a=b'], 'eval_builtin_error: illegal base64 data at input byte 1'],
  ['json.unmarshal', ['{'], 'eval_builtin_error: unexpected EOF'],
  ['net.cidr_expand', ['0.0.0.0/0'], 'eval_builtin_error: network has more than 1048576 addresses'],
  ['net.lookup_ip_addr', ['example.com'], 'eval_builtin_error: lookup example.com: name resolution is not allowed'],
  ['http.send', [{ method: 'get', url: 'http://x' }], 'eval_builtin_error: network access is not allowed'],
  ['http.send', [{ method: 'get', uri: 'x' }], 'eval_type_error: operand 1 invalid request parameters(s): {"uri"}'],
  ['units.parse', ['K'], 'eval_builtin_error: units.parse: no amount provided'],
  ['uri.parse', [':a'], 'eval_builtin_error: parse ":a": missing protocol scheme'],
  ['semver.compare', ['1', '1.0.0'], 'eval_builtin_error: operand 1: string "1" is not a valid SemVer'],
  ['yaml.unmarshal', ['a: *b'], "eval_builtin_error: yaml: unknown anchor 'b' referenced"],
])('%s(%j) fails with %s', (name, args, message) => {
  expect(callBuiltin(name, ...args)).toEqual({ error: message });
});

test('a bomb of aliases is refused', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 8; level++) {
    lines.push(
      `a${String(level)}: &a${String(level)} [${Array<string>(10)
        .fill(`*a${String(level - 1)}`)
        .join(', ')}]`,
    );
  }
  expect(callBuiltin('yaml.unmarshal', lines.join('\n'))).toEqual({
    error: 'eval_builtin_error: yaml: document contains excessive aliasing',
  });
});

test('a schema that refers to itself without end is an error', () => {
  expect(callBuiltin('json.match_schema', {}, { $ref: '#' })).toEqual({
    error: 'eval_builtin_error: schema refers to itself without end',
  });
});
