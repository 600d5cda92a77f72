import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { ConfigError, describeEnvironment, readEnvironment, unknownVariables } from './environment.ts';

const Kiln = z.object({
  KILN_NAME: z.string().min(1).meta({ description: 'Its name. Required.' }),
  KILN_HEAT: z.string().regex(/^\d+$/, 'must be a whole number').transform(Number).default(900).meta({
    description: 'Degrees.',
  }),
});

test('a variable that is empty counts as not set', () => {
  expect(readEnvironment(Kiln, { KILN_NAME: 'a', KILN_HEAT: '', OTHER: 'x' })).toStrictEqual({
    KILN_NAME: 'a',
    KILN_HEAT: 900,
  });
});

test('every problem is named at once', () => {
  expect(() => readEnvironment(Kiln, { KILN_HEAT: 'hot' })).toThrow(
    new ConfigError(['KILN_NAME: is required', 'KILN_HEAT: must be a whole number']),
  );
});

test('problems of the caller are told with the others, and alone', () => {
  expect(() => readEnvironment(Kiln, { KILN_HEAT: 'hot', KILN_NAME: 'a' }, ['KILN_NAME: is taken'])).toThrow(
    new ConfigError(['KILN_HEAT: must be a whole number', 'KILN_NAME: is taken']),
  );
  expect(() => readEnvironment(Kiln, { KILN_NAME: 'a' }, ['KILN_NAME: is taken'])).toThrow('KILN_NAME: is taken');
});

test('each variable is described with its default', () => {
  expect(describeEnvironment(Kiln).split('\n')).toStrictEqual([
    `  ${'KILN_NAME'.padEnd(40)}Its name. Required.`,
    `  ${'KILN_HEAT'.padEnd(40)}Degrees. (default 900)`,
  ]);
});

test('a misspelt variable is found among those that Kubernetes sets for Services', () => {
  const names = [
    'KILN_HAET',
    'KILN_HEAT',
    'KILN_INNER',
    'KILN_SERVICE_HOST',
    'KILN_SERVICE_PORT_HTTP',
    'KILN_PORT',
    'KILN_PORT_8181_TCP_ADDR',
    'PATH',
  ];
  const env = Object.fromEntries(names.map((name) => [name, '1']));
  expect(unknownVariables(Kiln, 'KILN_', env, ['KILN_INNER'])).toStrictEqual(['KILN_HAET']);
});
