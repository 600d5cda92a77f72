import { expect, test } from '@jest/globals';
import { compile } from './compile.ts';
import { isDeterministic } from './deterministic.ts';

const isStable = (body: string): boolean => {
  const result = compile([{ name: 'a.rego', source: `package a\n\np if { ${body} }\n` }], { entrypoints: ['a/p'] });
  if (!result.ok) throw new Error(result.diagnostics.map(({ message }) => message).join('\n'));
  return isDeterministic(result.program);
};

test.each([
  ['plain built-ins', 'count(input.x) > 1; time.parse_rfc3339_ns(input.t) > 0', true],
  ['the clock', 'time.now_ns() > 0', false],
  ['random numbers', 'rand.intn("x", 5) > 2', false],
  ['random ids', 'uuid.rfc4122("x") != ""', false],
  ['the network', 'net.lookup_ip_addr("localhost") != set()', false],
  ['the environment', 'opa.runtime().env.HOME', false],
  ['tokens that expire', 'io.jwt.decode_verify(input.t, {"secret": "s"})[0]', false],
  ['certificates that expire', 'crypto.x509.parse_and_verify_certificates(input.c)[0]', false],
])('%s', (_name, body, expected) => {
  expect(isStable(body)).toBe(expected);
});
