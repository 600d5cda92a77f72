import { describe, expect, test } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import type { Value } from '../value.ts';
import { callBuiltin } from './call-builtin.ts';

const oct = { kty: 'oct', k: Buffer.from('secret').toString('base64url') };
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');

const sign = (header: Value, payload: Value, key: Value): string => {
  const result = callBuiltin('io.jwt.encode_sign', header, payload, key);
  if (!('value' in result)) throw new Error(result.error);
  return String(result.value);
};

const pem = (pair: {
  readonly publicKey: { export: (o: { type: 'spki'; format: 'pem' }) => string | Buffer };
}): string => String(pair.publicKey.export({ type: 'spki', format: 'pem' }));

describe('every algorithm verifies what it signed, and nothing else', () => {
  test.each([
    ['HS256', oct, 'secret', 'other'],
    ['HS512', oct, 'secret', ''],
    ['RS256', rsa.privateKey.export({ format: 'jwk' }), pem(rsa), pem(ec)],
    ['PS384', rsa.privateKey.export({ format: 'jwk' }), pem(rsa), pem(ed)],
    ['ES256', ec.privateKey.export({ format: 'jwk' }), pem(ec), pem(rsa)],
    ['EdDSA', ed.privateKey.export({ format: 'jwk' }), pem(ed), pem(ec)],
  ])('%s', (alg, key, good, bad) => {
    const token = sign({ alg, typ: 'JWT' }, { sub: 'a' }, key);
    const name = `io.jwt.verify_${alg.toLowerCase()}`;
    expect(callBuiltin(name, token, good)).toEqual({ value: true });
    expect(callBuiltin(name, token, bad)).toEqual({ value: false });
    expect(callBuiltin(name, token.replace('.', '.e'), good)).toEqual({ value: false });
    const constraint = alg.startsWith('HS') ? { secret: good } : { cert: good };
    expect(callBuiltin('io.jwt.decode_verify', token, { ...constraint, alg })).toEqual({
      value: [true, { alg, typ: 'JWT' }, { sub: 'a' }],
    });
  });
});

test('a public key is never taken for a secret', () => {
  const key = { kty: 'oct', k: Buffer.from(pem(rsa)).toString('base64url') };
  const forged = sign({ alg: 'HS256' }, { sub: 'admin' }, key);
  expect(callBuiltin('io.jwt.decode_verify', forged, { cert: pem(rsa) })).toEqual({ value: [false, {}, {}] });
});

test('tokens without a signature never verify', () => {
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`;
  expect(callBuiltin('io.jwt.decode_verify', none, { secret: 's' })).toEqual({ value: [false, {}, {}] });
});

test('a key set picks the key by its id', () => {
  const token = sign({ alg: 'ES256', kid: 'b' }, {}, ec.privateKey.export({ format: 'jwk' }));
  const keys = [
    { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'a' },
    { ...ec.publicKey.export({ format: 'jwk' }), kid: 'b', alg: 'ES256' },
  ];
  expect(callBuiltin('io.jwt.verify_es256', token, JSON.stringify({ keys }))).toEqual({ value: true });
  const swapped = keys.map((key) => ({ ...key, kid: key.kid === 'a' ? 'b' : 'a' }));
  expect(callBuiltin('io.jwt.verify_es256', token, JSON.stringify({ keys: swapped }))).toEqual({ value: false });
});

describe('claims', () => {
  const verify = (payload: Value, constraints: Record<string, Value>): Value => {
    const result = callBuiltin('io.jwt.decode_verify', sign({ alg: 'HS256' }, payload, oct), {
      secret: 'secret',
      ...constraints,
    });
    return 'value' in result ? (result.value as readonly Value[])[0] : result.error;
  };

  test.each<[string, Value, Record<string, Value>, Value]>([
    ['not expired yet', { exp: 1_700_000_001 }, {}, true],
    ['expired at this very second', { exp: 1_700_000_000 }, {}, false],
    ['not valid yet', { nbf: 1_700_000_001 }, {}, false],
    ['valid from this second on', { nbf: 1_700_000_000 }, {}, true],
    ['at a given time', { exp: 10 }, { time: 9_999_999_999 }, true],
    ['of the right issuer', { iss: 'me' }, { iss: 'me' }, true],
    ['of another issuer', { iss: 'you' }, { iss: 'me' }, false],
    ['without the issuer asked for', {}, { iss: 'me' }, false],
    ['for one of several audiences', { aud: ['a', 'b'] }, { aud: 'b' }, true],
    ['for an audience that nobody asked for', { aud: 'a' }, {}, false],
    ['without the audience asked for', {}, { aud: 'a' }, false],
    ['with an expiry that is no number', { exp: 'x' }, {}, 'eval_builtin_error: exp value must be a number'],
    ['with an unknown constraint', {}, { foo: 1 }, 'eval_builtin_error: unknown token validation constraint: foo'],
  ])('%s', (_name, payload, constraints, expected) => {
    expect(verify(payload, constraints)).toEqual(expected);
  });
});

test('decoding gives header, payload and the signature in hexadecimal', () => {
  const token = sign({ alg: 'HS256' }, { a: 1 }, oct);
  const signature = Buffer.from(token.split('.')[2] ?? '', 'base64url').toString('hex');
  expect(callBuiltin('io.jwt.decode', token)).toEqual({ value: [{ alg: 'HS256' }, { a: 1 }, signature] });
});

test.each<[string, readonly Value[], string]>([
  ['io.jwt.decode', ['abc'], 'encoded JWT had no period separators'],
  ['io.jwt.decode', ['a.b'], 'encoded JWT must have 3 sections, found 2'],
  ['io.jwt.decode', ['e^.e30.'], 'JWT header had invalid encoding: illegal base64 data at input byte 1'],
  ['io.jwt.encode_sign_raw', ['{"alg":"dummy"}', '{}', JSON.stringify(oct)], 'unknown JWS algorithm: dummy'],
  ['io.jwt.encode_sign_raw', ['{"alg":"HS256"}', 'x', JSON.stringify(oct)], 'type is JWT but payload is not JSON'],
  ['io.jwt.decode_verify', ['a.b.c', {}], 'no key constraint'],
])('%s(%j) fails with %s', (name, args, message) => {
  expect(callBuiltin(name, ...args)).toEqual({ error: `eval_builtin_error: ${message}` });
});
