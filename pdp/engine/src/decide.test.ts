import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  aDomain,
  aGroup,
  anAnnotation,
  anOperation,
  aPolicy,
  aResource,
  aResourceGroup,
  aRole,
  simplePolicies,
} from './domain-builder.ts';
import { decide } from './decide.ts';
import { testContext, testSnapshot } from './test-snapshot.ts';
import { Unencodable } from '@edict/bundle';
import type { DomainModel } from '@edict/bundle';
import type { AccessRecord } from './access-record.ts';
import type { DecideContext } from './decide-context.ts';

/**
 * One entity for every way in which a phase can end. Qualified references to roles, resource groups and their policies
 * load and then find nothing.
 */
const domain = aDomain({
  policies: simplePolicies,
  operations: [
    anOperation('op:open', 'zero'),
    anOperation('op:public', 'one'),
    anOperation('op:closed', 'minus'),
    anOperation('op:undefined', 'undefined'),
    anOperation('op:conflict', 'conflict'),
    anOperation('op:text', 'text'),
    anOperation('op:boolean', 'yes'),
    anOperation('op:no-policy', ''),
  ],
  roles: ['yes', 'no', 'undefined', 'text', 'one']
    .map((name) => aRole(`role:${name}`, name))
    .concat(aRole('role:lost', 'orchard/yes')),
  groups: [aGroup('group:yes', ['role:yes']), aGroup('group:dangling', ['orchard/role:yes'])],
  scopes: ['yes', 'no', 'text'].map((name) => aRole(`scope:${name}`, name)),
  resourceGroups: ['yes', 'no', 'text'].map((name) => aResourceGroup(`rg:${name}`, name)),
  resources: [
    aResource('mrn:yes:.*', 'rg:yes'),
    aResource('mrn:no:.*', 'rg:no'),
    aResource('mrn:lost:.*', 'orchard/rg:yes'),
    aResource('mrn:bare:.*', ''),
  ],
});
const snapshot = testSnapshot([domain]);

const operations = {
  'op:open': 'open',
  'op:public': 'grant',
  'op:closed': 'deny',
  'op:undefined': 'deny',
  'op:conflict': 'deny',
  'op:text': 'deny',
  'op:boolean': 'deny',
  'op:no-policy': 'deny',
  'op:unknown': 'deny',
} as const;

const identities: readonly [Record<string, unknown>, boolean][] = [
  [{}, false],
  [{ mroles: ['role:yes'] }, true],
  [{ mroles: ['role:no', 'role:yes', 'role:undefined'] }, true],
  [{ mroles: ['role:no', 'role:undefined', 'role:text', 'role:one', 'role:lost', 'role:gone'] }, false],
  [{ mgroups: ['group:yes', 'group:gone'] }, true],
  [{ mgroups: ['group:dangling'] }, false],
  [{ mroles: 'role:yes' }, false],
  [{ mroles: [1, null, ['role:yes']] }, false],
];

const resources: readonly [unknown, boolean][] = [
  ['mrn:yes:1', true],
  ['mrn:no:1', false],
  ['mrn:lost:1', false],
  ['mrn:bare:1', false],
  ['mrn:unmatched', false],
  [{ id: 'x', group: 'rg:yes' }, true],
  [{ id: 'x', group: 'rg:text' }, false],
  [{ id: 'mrn:yes:1' }, false],
  [null, false],
];

const scopes: readonly [unknown, boolean][] = [
  [undefined, true],
  [[], true],
  ['scope:no', true],
  [['scope:yes'], true],
  [['scope:no', 'scope:yes'], true],
  [['scope:no', 'scope:text', 'scope:gone'], false],
  [['scope:no', 'mrn:iam:scope:api'], true],
];

const modes: readonly Partial<DecideContext>[] = [{}, { includeAll: false }, { probe: true }];

function recordOf(porc: unknown, context: Partial<DecideContext> = {}, on = snapshot): AccessRecord {
  const { record } = decide(on, porc, { ...testContext, ...context });
  if (record === undefined) throw new Error('no record');
  return record;
}

const referencesOf = (record: AccessRecord) =>
  record.references.map(({ phase, id, decision, reasonCode }) => `${phase} ${id} ${decision} ${reasonCode}`);

test('every combination of phases decides as the table says, in every mode', () => {
  let combinations = 0;
  for (const [operation, operationSays] of Object.entries(operations)) {
    for (const [principal, identityGrants] of identities) {
      for (const [resource, resourceGrants] of resources) {
        for (const [scope, scopeGrants] of scopes) {
          const porc = { principal: { sub: 'ada', ...principal, scopes: scope }, operation, resource };
          const open = identityGrants && resourceGrants && scopeGrants;
          const expected = operationSays === 'open' ? open : operationSays === 'grant';
          for (const mode of modes) {
            const { allow, record } = decide(snapshot, porc, { ...testContext, ...mode });
            expect([porc, mode, allow]).toEqual([porc, mode, expected]);
            expect(record?.decision).toBe(mode.probe === true ? undefined : expected ? 'GRANT' : 'DENY');
            combinations++;
          }
        }
      }
    }
  }
  expect(combinations).toBe(9 * 8 * 9 * 7 * 3);
});

test('a record names every consulted entity, group failures first, the unresolved resource last', () => {
  const porc = {
    principal: {
      sub: 'ada',
      mrealm: 'acme',
      mroles: ['role:no', 'role:gone', 'role:no'],
      mgroups: ['group:gone', 'group:yes', 'group:gone'],
      scopes: ['scope:no', 'scope:yes', 'scope:no'],
    },
    operation: 'op:open',
    resource: 'mrn:unmatched',
  };
  const record = recordOf(porc);
  expect(referencesOf(record)).toEqual([
    'SYSTEM op:open GRANT POLICY_OUTCOME',
    'IDENTITY group:gone DENY NOTFOUND_ERROR',
    'IDENTITY group:gone DENY NOTFOUND_ERROR',
    'IDENTITY role:no DENY POLICY_OUTCOME',
    'IDENTITY role:gone DENY NOTFOUND_ERROR',
    'IDENTITY role:yes GRANT POLICY_OUTCOME',
    'SCOPE scope:no DENY POLICY_OUTCOME',
    'SCOPE scope:yes GRANT POLICY_OUTCOME',
    'SCOPE scope:no DENY POLICY_OUTCOME',
    'RESOURCE mrn:unmatched DENY NOTFOUND_ERROR',
  ]);
  expect(record).toMatchObject({ subject: 'ada', realm: 'acme', operation: 'op:open', resource: 'mrn:unmatched' });
  expect(record.references[0]?.policy?.mrn).toBe('zero');
  expect(record.references[0]?.policy?.fingerprint).toMatch(/^[A-Za-z0-9+/]{43}=$/);
  expect(record.references[1]?.policy).toBeUndefined();
});

test('an unresolved resource is not recorded once the operation has decided', () => {
  for (const operation of ['op:public', 'op:closed', 'op:unknown']) {
    const record = recordOf({ principal: { sub: 'a' }, operation, resource: 'mrn:unmatched' });
    expect(referencesOf(record)).toHaveLength(1);
  }
});

test.each<[string, string, readonly string[]]>([
  ['op:public', 'role:yes', ['SYSTEM']],
  ['op:unknown', 'role:yes', ['SYSTEM']],
  ['op:open', 'role:no', ['SYSTEM', 'IDENTITY']],
  ['op:open', 'role:yes', ['SYSTEM', 'IDENTITY', 'RESOURCE', 'SCOPE']],
])('without includeAll, %s by %s records the phases up to the one that decides', (operation, role, phases) => {
  const porc = { principal: { mroles: [role], scopes: ['scope:yes'] }, operation, resource: 'mrn:yes:1' };
  expect(recordOf(porc, { includeAll: false }).references.map(({ phase }) => phase)).toEqual(phases);
});

test('without includeAll an unresolved resource comes before the identity phase', () => {
  const porc = { principal: { mroles: ['role:yes'] }, operation: 'op:open', resource: 'mrn:unmatched' };
  expect(referencesOf(recordOf(porc, { includeAll: false }))).toEqual([
    'SYSTEM op:open GRANT POLICY_OUTCOME',
    'RESOURCE mrn:unmatched DENY NOTFOUND_ERROR',
  ]);
});

test.each<[string, Partial<AccessRecord>]>([
  ['op:open', { systemOverride: false, grantReason: undefined, denyReason: undefined }],
  ['op:public', { systemOverride: true, grantReason: 'PUBLIC', denyReason: undefined }],
  ['op:closed', { systemOverride: true, denyReason: 'JWT_REQUIRED' }],
  ['op:conflict', { systemOverride: true, denyReason: 'JWT_REQUIRED' }],
  ['op:unknown', { systemOverride: true, denyReason: 'JWT_REQUIRED' }],
])('%s is recorded with its override', (operation, expected) => {
  expect(recordOf({ operation })).toMatchObject(expected);
});

test.each<[string, string, string]>([
  ['op:unknown', 'NOTFOUND_ERROR', 'operation not found'],
  ['op:no-policy', 'UNKNOWN_ERROR', 'the operation has no policy'],
  ['op:undefined', 'EVALUATION_ERROR', 'undefined: data.authz.allow is undefined'],
  ['op:text', 'UNKNOWN_ERROR', 'unexpected evaluation result: "yes"'],
  ['op:boolean', 'UNKNOWN_ERROR', 'unexpected evaluation result: true'],
])('%s fails with a code and a reason', (operation, reasonCode, reason) => {
  expect(recordOf({ operation }).references[0]).toMatchObject({ decision: 'DENY', reasonCode, reason });
});

test('a conflict names the policy and the place', () => {
  const [reference] = recordOf({ operation: 'op:conflict' }).references;
  expect(reference).toMatchObject({ reasonCode: 'EVALUATION_ERROR' });
  expect(reference?.reason).toMatch(/^conflict.*eval_conflict_error/);
});

const nobody = testSnapshot([]);

test('without domains everything is denied', () => {
  const record = recordOf({ operation: 'x', resource: 'y' }, {}, nobody);
  expect(record.decision).toBe('DENY');
  expect(referencesOf(record)).toEqual(['SYSTEM x DENY NOTFOUND_ERROR']);
});

const echo = (parts: Partial<DomainModel>) =>
  testSnapshot([aDomain({ policies: [...simplePolicies], operations: [anOperation('.*', 'zero')], ...parts })]);

test.each<[string, unknown, unknown]>([
  ['a string principal', 'ada', 'ada'],
  ['a null principal', null, null],
  ['an empty principal', {}, {}],
  ['an array', ['role:yes'], ['role:yes']],
  ['an object, which gets merged annotations', { sub: 'a' }, { sub: 'a', mannotations: {} }],
  ['an object whose annotations are none', { mannotations: 'x' }, { mannotations: {} }],
])('policies see %s', (_name, principal, expected) => {
  expect(recordOf({ principal }).porc).toEqual({ principal: expected, resource: {} });
});

test.each<[string, unknown, unknown]>([
  [
    'only known string fields of a descriptor',
    { id: 'x', owner: 1, group: 'g', classification: 'c', color: 'red' },
    { id: 'x', group: 'g', classification: 'c' },
  ],
  ['no empty fields', { id: '', annotations: {} }, {}],
  ['annotations of a descriptor as given', { annotations: { a: [1] } }, { annotations: { a: [1] } }],
  ['an empty object for a number', 7, {}],
  ['id and group of an MRN', 'mrn:yes:1', { id: 'mrn:yes:1', group: 'rg:yes' }],
  ['the id alone of an MRN that resolves to nothing', 'mrn:unmatched', { id: 'mrn:unmatched' }],
])('policies see %s', (_name, resource, expected) => {
  expect(recordOf({ resource }).porc).toEqual({ resource: expected });
});

test('extra members of the request pass through, hostile names too', () => {
  const porc = JSON.parse(
    '{"__proto__":{"operation":"op:public"},"constructor":1,"context":{"a":1},"extra":[1]}',
  ) as unknown;
  const record = recordOf(porc);
  expect(JSON.stringify(record.porc)).toBe(
    '{"__proto__":{"operation":"op:public"},"constructor":1,"context":{"a":1},"extra":[1],"resource":{}}',
  );
  expect(record.operation).toBe('');
  expect(record.decision).toBe('DENY');
});

test('ids like __proto__ and constructor find nothing that is not defined', () => {
  const hostile = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  const porc = {
    principal: { mroles: hostile, mgroups: hostile, scopes: hostile },
    operation: 'op:open',
    resource: { group: 'constructor' },
  };
  const record = recordOf(porc);
  expect(record.references.slice(1).every(({ reasonCode }) => reasonCode === 'NOTFOUND_ERROR')).toBe(true);
  expect(record.decision).toBe('DENY');
});

test('annotations: request over first scope over later ones over groups over roles', () => {
  const list = (value: string) => [anAnnotation('list', [value]), anAnnotation('one', value)];
  const merging = echo({
    roles: [
      aRole('r1', 'yes', list('r1')),
      aRole('r2', 'yes', list('r2')),
      aRole('broken', 'orchard/yes', list('broken')),
    ],
    groups: [aGroup('g1', ['r2', 'r1'], list('g1')), aGroup('g2', [], list('g2'))],
    scopes: [aRole('s1', 'no', list('s1')), aRole('s2', 'yes', list('s2'))],
  });
  const principal = {
    mroles: ['r1', 'broken'],
    mgroups: ['g2', 'g1', 'gone'],
    scopes: ['s2', 's1'],
    mannotations: { list: ['own'] },
  };
  const record = recordOf({ principal }, {}, merging);
  expect(record.porc).toMatchObject({
    principal: { mannotations: { list: ['own', 's2', 's1', 'g2', 'g1', 'r1', 'r2'], one: 's2' } },
  });
});

test('annotations of a resource: entry over group, the default group alone for the rest', () => {
  const group = { annotations: [anAnnotation('k', ['group']), anAnnotation('n', 1n)], default: true };
  const merging = echo({
    resourceGroups: [aResourceGroup('rg', 'yes', group)],
    resources: [
      aResource('mrn:a:.*', 'rg', [anAnnotation('k', ['entry'])]),
      aResource('mrn:b:.*', 'orchard/rg', [anAnnotation('k', 1)]),
    ],
  });
  const seen = (resource: unknown) => (recordOf({ resource }, {}, merging).porc as { resource: unknown }).resource;
  expect(seen('mrn:a:1')).toEqual({ id: 'mrn:a:1', group: 'rg', annotations: { k: ['entry', 'group'], n: 1 } });
  expect(seen('mrn:b:1')).toEqual({ id: 'mrn:b:1', group: 'orchard/rg', annotations: { k: 1 } });
  expect(seen('mrn:c:1')).toEqual({ id: 'mrn:c:1', group: 'rg', annotations: { k: ['group'], n: 1 } });
  expect(seen({ id: 'mrn:a:1', group: 'rg' })).toEqual({ id: 'mrn:a:1', group: 'rg' });
});

const unencodable = testSnapshot([
  aDomain({
    policies: simplePolicies,
    operations: [anOperation('.*', 'one')],
    roles: [aRole('bad', 'yes', [anAnnotation('limit', new Unencodable('.inf'))]), aRole('good', 'yes')],
    resourceGroups: [
      aResourceGroup('rg:bad', 'yes', {
        annotations: [anAnnotation('limit', [new Unencodable('.nan')])],
        default: true,
      }),
    ],
  }),
]);

test.each<[string, unknown]>([
  ['of a role', { principal: { sub: 's', mroles: ['bad'] }, operation: 'x', resource: { id: 'mrn:1' } }],
  ['of a resource group', { principal: { sub: 's', mroles: ['good'] }, operation: 'x', resource: 'mrn:1' }],
])('an annotation %s that JSON cannot hold denies before any phase, even what is public', (_name, porc) => {
  const record = recordOf(porc, {}, unencodable);
  expect(record).toMatchObject({
    decision: 'DENY',
    porc: undefined,
    systemOverride: false,
    subject: 's',
    resource: 'mrn:1',
  });
  expect(referencesOf(record)).toEqual(['RESOURCE mrn:1 DENY INVALPARAM_ERROR']);
});

test('an annotation that JSON cannot hold harms no request that overrides or avoids it', () => {
  const overriding = { principal: { mroles: ['bad'], mannotations: { limit: 1 } }, operation: 'x', resource: {} };
  expect(recordOf(overriding, {}, unencodable).decision).toBe('GRANT');
  expect(recordOf({ principal: { mroles: ['good'] }, operation: 'x' }, {}, unencodable).decision).toBe('GRANT');
});

test('merging that exceeds its limit denies', () => {
  const growing = echo({ groups: [aGroup('g', [], [anAnnotation('list', Array<string>(100).fill('x'))])] });
  const porc = { principal: { mgroups: Array<string>(200).fill('g') } };
  const limits = { maxSteps: 1e6, maxEvaluations: 10, maxMergeSteps: 10_000 };
  const record = recordOf(porc, { limits }, growing);
  expect(referencesOf(record)).toEqual(['RESOURCE  DENY INVALPARAM_ERROR']);
  expect(recordOf({ principal: { mgroups: ['g', 'g'] } }, { limits }, growing).porc).toBeDefined();
});

test('a policy that exceeds its steps denies with an evaluation error', () => {
  const slow = aPolicy('slow', 'allow { count([1 | numbers.range(1, 1000)[_]; numbers.range(1, 1000)[_]]) > 5 }');
  const snapshotOfSlow = echo({ policies: [...simplePolicies, slow], roles: [aRole('slow', 'slow')] });
  const limits = { maxSteps: 1_000, maxEvaluations: 10, maxMergeSteps: 100 };
  const record = recordOf({ principal: { mroles: ['slow'] } }, { limits }, snapshotOfSlow);
  expect(record.references[1]).toMatchObject({ id: 'slow', decision: 'DENY', reasonCode: 'EVALUATION_ERROR' });
});

test('a decision that evaluates too many policies denies with an evaluation error', () => {
  const many = Array.from({ length: 5 }, (_, index) => aPolicy(`p${String(index)}`, 'default allow = true'));
  const snapshotOfMany = echo({
    policies: [...simplePolicies, ...many],
    roles: many.map(({ mrn }) => aRole(`r:${mrn}`, mrn)),
  });
  const limits = { maxSteps: 1_000, maxEvaluations: 4, maxMergeSteps: 100 };
  const mroles = many.map(({ mrn }) => `r:${mrn}`);
  const codes = recordOf({ principal: { mroles } }, { limits }, snapshotOfMany).references.map(
    ({ reasonCode }) => reasonCode,
  );
  expect(codes.slice(1, 6)).toEqual([
    ...Array<string>(3).fill('POLICY_OUTCOME'),
    'EVALUATION_ERROR',
    'EVALUATION_ERROR',
  ]);
});

test('an operation that two domains claim is denied; a qualified policy is found in the other domain', () => {
  const other = aDomain({ name: 'other', policies: simplePolicies, operations: [anOperation('shared', 'zero')] });
  const own = aDomain({
    policies: simplePolicies,
    operations: [anOperation('shared', 'zero'), anOperation('remote', 'other/one')],
  });
  const both = testSnapshot([own, other]);
  expect(referencesOf(recordOf({ operation: 'shared' }, {}, both))[0]).toBe('SYSTEM shared DENY NOTFOUND_ERROR');
  expect(recordOf({ operation: 'remote' }, {}, both).decision).toBe('GRANT');
});

test('ids that several domains define are found in the own domain first, then in the order of domains', () => {
  const first = aDomain({ name: 'first', policies: [aPolicy('p', 'default allow = false')], roles: [aRole('r', 'p')] });
  const second = aDomain({
    name: 'second',
    policies: [aPolicy('p', 'default allow = true'), aPolicy('zero', 'default allow = 0')],
    roles: [aRole('r', 'p'), aRole('r2', 'p')],
    groups: [aGroup('g', ['r'])],
    operations: [anOperation('.*', 'zero')],
    resourceGroups: [aResourceGroup('rg', 'p', { default: true })],
  });
  const both = testSnapshot([first, second]);
  const allows = (principal: unknown) => recordOf({ principal, resource: 'x' }, {}, both).decision;
  expect(allows({ mroles: ['r'] })).toBe('DENY');
  expect(allows({ mroles: ['r2'] })).toBe('GRANT');
  expect(allows({ mgroups: ['g'] })).toBe('GRANT');
});

test('of domains with one name the first counts, of definitions with one id the last', () => {
  const winner = aDomain({
    policies: [aPolicy('p', 'default allow = -1'), aPolicy('p', 'default allow = 1')],
    operations: [anOperation('.*', 'p')],
  });
  const loser = aDomain({ policies: [aPolicy('p', 'broken')], operations: [anOperation('.*', 'p')] });
  expect(recordOf({}, {}, testSnapshot([winner, loser])).decision).toBe('GRANT');
});

const porcs = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }),
  fc.record(
    {
      principal: fc.oneof(
        fc.jsonValue(),
        fc.record(
          {
            mroles: fc.oneof(fc.jsonValue(), fc.array(fc.constantFrom('role:yes', 'role:no', '__proto__', 'x'))),
            mgroups: fc.oneof(fc.jsonValue(), fc.array(fc.constantFrom('group:yes', 'constructor'))),
            scopes: fc.oneof(fc.jsonValue(), fc.array(fc.constantFrom('scope:yes', 'scope:no', 'mrn:iam:scope:api'))),
            mannotations: fc.jsonValue(),
          },
          { requiredKeys: [] },
        ),
      ),
      operation: fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.keys(operations))),
      resource: fc.oneof(fc.jsonValue(), fc.constantFrom('mrn:yes:1', 'mrn:no:1')),
      context: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
);

test('never throws, and decides the same request the same way in every mode', () => {
  fc.assert(
    fc.property(porcs, (porc) => {
      const answers = [...modes, ...modes].map((mode) => decide(snapshot, porc, { ...testContext, ...mode }).allow);
      expect(new Set(answers).size).toBe(1);
    }),
    { numRuns: 500 },
  );
});

test('never changes the request', () => {
  fc.assert(
    fc.property(porcs, (porc) => {
      const before = structuredClone(porc);
      decide(snapshot, porc, testContext);
      expect(porc).toEqual(before);
    }),
  );
});

test('a request that throws when it is read is denied', () => {
  const hostile = {
    get principal(): never {
      throw new Error('gotcha');
    },
  };
  const record = recordOf(hostile);
  expect(record).toMatchObject({ decision: 'DENY', porc: undefined });
  expect(record.references[0]).toMatchObject({ reasonCode: 'UNKNOWN_ERROR', reason: 'Error: gotcha' });
});

test.each([undefined, null, 'text', 7, []])('%p is no request and is denied', (porc) => {
  expect(referencesOf(recordOf(porc))).toEqual(['RESOURCE  DENY INVALPARAM_ERROR']);
});
