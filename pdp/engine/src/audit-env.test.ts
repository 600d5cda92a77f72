import { expect, test } from '@jest/globals';
import { parsePodInfo, resolveAuditEnv } from './audit-env.ts';

test('reads every kind of source; what is missing is empty, unknown types are left out', () => {
  const entries = [
    { name: 'region', type: 'string', value: 'north' },
    { name: 'pod', type: 'env', value: 'POD' },
    { name: 'gone', type: 'env', value: 'GONE' },
    { name: 'app', type: 'k8s-label', value: 'app' },
    { name: 'note', type: 'k8s-annot', value: 'note' },
    { name: 'odd', type: 'odd', value: 'x' },
  ];
  const sources = { env: { POD: 'p-1' }, podLabels: 'app="edict"\n', podAnnotations: 'note="a=b"\n' };
  const { env, warnings } = resolveAuditEnv(entries, sources);
  expect(env).toEqual({ region: 'north', pod: 'p-1', gone: '', app: 'edict', note: 'a=b' });
  expect(warnings).toEqual(["audit value 'odd' has the unknown type 'odd' and is left out"]);
});

test('a value called __proto__ is a value like any other', () => {
  const { env } = resolveAuditEnv([{ name: '__proto__', type: 'string', value: 'x' }], {
    env: {},
    podLabels: '',
    podAnnotations: '',
  });
  expect(Object.entries(env)).toEqual([['__proto__', 'x']]);
});

test('pod information is split at the first equals sign and not unescaped', () => {
  expect([...parsePodInfo('a="1"\nb="x\\"y"\nbroken\n=x\nc=""')]).toEqual([
    ['a', '1'],
    ['b', 'x\\"y'],
    ['c', ''],
  ]);
});
