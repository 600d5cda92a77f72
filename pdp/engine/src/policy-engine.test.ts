import { expect, test } from '@jest/globals';
import { aDomain, anOperation, simplePolicies } from './domain-builder.ts';
import { createPolicyEngine } from './policy-engine.ts';
import { renderAccessRecord } from './render-access-record.ts';
import type { AccessRecord } from './access-record.ts';

const yaml = `
apiVersion: edict.dev/v1beta1
kind: PolicyDomain
metadata:
  name: orchard
spec:
  policies:
    - mrn: gate
      rego: |
        package authz
        default allow = 0
    - mrn: pickers
      rego: |
        package authz
        default allow = false
        allow { input.principal.mannotations.ladder }
  roles:
    - mrn: picker
      policy: pickers
      annotations:
        - {name: ladder, value: true}
  resource-groups:
    - {mrn: trees, default: true, policy: pickers}
  operations:
    - {name: any, selector: ['.*'], policy: gate}
`;

const request = { principal: { sub: 'ada', mroles: ['picker'] }, operation: 'tree:pick', resource: 'mrn:tree:1' };

test('decides over domains given as text, for requests given as object, text or bytes', async () => {
  const engine = await createPolicyEngine({ domains: [yaml] });
  for (const porc of [request, JSON.stringify(request), Buffer.from(JSON.stringify(request))]) {
    expect(await engine.authorize(porc)).toMatchObject({ allow: true, record: { decision: 'GRANT', subject: 'ada' } });
  }
  expect(await engine.authorize({ ...request, principal: {} })).toMatchObject({ allow: false });
});

test('lists every problem with file, entity, line and column', async () => {
  const broken = yaml.replace('default allow = 0', 'allow { x }').replace('policy: gate', 'policy: missing');
  const creating = createPolicyEngine({ domains: [{ file: 'orchard.yaml', text: broken }] });
  await expect(creating).rejects.toMatchObject({
    code: 'InvalidDomains',
    message: expect.stringContaining("orchard.yaml:25:45: [operation any] policy 'missing' is not defined"),
    problems: [expect.objectContaining({ file: 'orchard.yaml', kind: 'operation', mrn: 'any', line: 25 })],
  });
  const unsafe = createPolicyEngine({ domains: [yaml.replace('default allow = 0', 'allow { x }')] });
  await expect(unsafe).rejects.toMatchObject({
    problems: [expect.objectContaining({ mrn: 'gate', line: 11, column: 17, regoCode: 'rego_unsafe_var_error' })],
  });
});

test('text that is no domain is refused', async () => {
  await expect(createPolicyEngine({ domains: ['kind: Other'] })).rejects.toMatchObject({ code: 'InvalidDomains' });
  await expect(createPolicyEngine({ domains: ['{'] })).rejects.toMatchObject({ code: 'InvalidDomains' });
});

test.each([null, [], 'nonsense', '[]', 7, undefined])('refuses %p as a request', async (porc) => {
  const engine = await createPolicyEngine({ domains: [] });
  await expect(engine.authorize(porc)).rejects.toMatchObject({ code: 'InvalidPorc' });
});

test('gives each record to the audit before the decision, except in probe mode', async () => {
  const written: AccessRecord[] = [];
  const audit = async (record: AccessRecord) => {
    await Promise.resolve();
    written.push(record);
  };
  const revision = { set: 'core', revision: 3, digest: 'sha256:00' };
  const engine = await createPolicyEngine({
    domains: [yaml],
    audit,
    revision,
    env: { zone: 'a' },
    newId: () => 'id-1',
  });
  const { record } = await engine.authorize(request);
  expect(written).toEqual([record]);
  expect(record).toMatchObject({ id: 'id-1', revision, env: { zone: 'a' } });
  const probed = await engine.authorize(request, { probe: true });
  expect(probed).toEqual({ allow: true, record: undefined });
  expect(written).toHaveLength(1);
});

test('gives no decision whose record was refused, unless told what to do then', async () => {
  const audit = () => {
    throw new Error('disk full');
  };
  const strict = await createPolicyEngine({ domains: [yaml], audit });
  await expect(strict.authorize(request)).rejects.toMatchObject({
    code: 'AuditFailed',
    cause: { message: 'disk full' },
  });
  const failures: unknown[] = [];
  const lenient = await createPolicyEngine({ domains: [yaml], audit, onAuditError: (error) => failures.push(error) });
  expect((await lenient.authorize(request)).allow).toBe(true);
  expect(failures).toHaveLength(1);
});

test('replaces its domains at once, and keeps the old ones if the new ones are wrong', async () => {
  const engine = await createPolicyEngine({ domains: [yaml] });
  const open = aDomain({ policies: simplePolicies, operations: [anOperation('.*', 'one')] });
  await engine.replaceDomains([open], { set: 'core', revision: 4, digest: 'sha256:01' });
  const { allow, record } = await engine.authorize({});
  expect(allow).toBe(true);
  expect(record?.revision?.revision).toBe(4);
  await expect(engine.replaceDomains(['nonsense'])).rejects.toMatchObject({ code: 'InvalidDomains' });
  expect((await engine.authorize({})).record?.revision?.revision).toBe(4);
});

test('the record of the last request can be printed after the next one', async () => {
  const engine = await createPolicyEngine({ domains: [yaml] });
  const { record } = await engine.authorize(request);
  await engine.authorize({ operation: 'other' });
  expect(record && JSON.parse(renderAccessRecord(record))).toMatchObject({ operation: 'tree:pick' });
});
