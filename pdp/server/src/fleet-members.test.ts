import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import {
  AUDIT_ROTATION,
  FLEET_AUTHENTICATION_MODES,
  FLEET_TRACE_SAMPLERS,
  FleetAudit,
  MEMBER_VARIABLES,
  OPERATOR_VARIABLES,
  validateObject,
} from '@edict/crds';
import { EVERYTHING } from '../../../crds/src/testing/fleet-specs.ts';
import { load } from 'js-yaml';
import { z } from 'zod';
import { AuditSettings } from './audit/settings/audit-settings.ts';
import { parseAuditSettings } from './audit/settings/read-audit-file.ts';
import { AUTHENTICATION_MODES } from './authentication/settings.ts';
import { loadConfig } from './config.ts';
import { TRACE_SAMPLERS } from './observability/tracing.ts';

// A PolicyDecisionPoint says by members what a PDP reads from settings; here both are compared.

const REQUIRED = { EDICT_PDP_OPERATOR_ADDRESS: 'edict:8443', EDICT_PDP_BUNDLES_URL: 'https://edict:8444' };

test('every variable that a member of a fleet stands for is one that PDPs read', () => {
  const known = Object.keys(loadConfig(REQUIRED));
  expect([...MEMBER_VARIABLES, ...OPERATOR_VARIABLES].filter((name) => !known.includes(name))).toStrictEqual([]);
});

test('the example of docs/pdp-server.md is right', () => {
  const file = new URL('../../../docs/examples/fleet-secured.yaml', import.meta.url);
  expect(validateObject(load(readFileSync(file, 'utf8')))).toMatchObject({ ok: true });
});

test('modes of authentication and samplers are those that PDPs know', () => {
  expect(FLEET_AUTHENTICATION_MODES).toStrictEqual(AUTHENTICATION_MODES);
  expect(FLEET_TRACE_SAMPLERS).toStrictEqual(TRACE_SAMPLERS);
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Places of a schema with their words and bounds; a Secret stands for the file that it is mounted as. */
function placesOf(schema: Schema, path = ''): readonly (readonly [string, string])[] {
  const { properties = {}, items, minimum, maximum, enum: words } = schema;
  const own = [words?.join(' '), minimum, maximum].filter((part) => part !== undefined).join(' ');
  const inner = [
    ...Object.entries(properties).map(([name, child]) => [name.replace(/From$/, 'File'), child] as const),
    ...(items === undefined ? [] : [['[]', items] as const]),
  ];
  const children = inner.flatMap(([name, child]) =>
    name.endsWith('File') ? [[`${path}.${name}`, ''] as const] : placesOf(child, `${path}.${name}`),
  );
  const others = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((other) => placesOf(other, path));
  return [
    ...(own === '' && (children.length > 0 || others.length > 0) ? [] : [[path, own] as const]),
    ...children,
    ...others,
  ];
}

test('audit of a fleet has the members, words and bounds of the audit file', () => {
  const placesIn = (schema: z.ZodType) => {
    const json = z.toJSONSchema(schema, { io: 'input', target: 'openapi-3.0' }) as Schema;
    const places = placesOf(json).map(([path, own]) => `${path} ${own}`.trim());
    return [...new Set(places)].filter((place) => !/^\.sinks\.\[\]\.(type|format) /.test(place)).sort();
  };
  const inFile = placesIn(AuditSettings)
    // Journals of a fleet are in a volume of its own.
    .filter((place) => place !== '.sinks.[].journal.folder');
  expect(inFile.length).toBeGreaterThan(35);
  expect(placesIn(FleetAudit)).toStrictEqual(inFile);
});

test('what a fleet does not say is as the audit file has it', () => {
  const { sinks } = parseAuditSettings(
    JSON.stringify({ sinks: [{ name: 'a', type: 'File', path: '/a', journal: {} }] }),
    'a',
  );
  expect(sinks).toMatchObject([{ rotate: AUDIT_ROTATION, queue: { onFull: 'Drop' } }]);
  const fleet = FleetAudit.parse({ sinks: [{ name: 'a', type: 'File', path: '/a', journal: {} }] });
  expect(sinks[0]?.journal).toMatchObject(fleet.sinks[0]?.journal ?? {});
});

test('what a fleet says is read by PDPs', () => {
  const { sinks, hashKeyFrom: _hashKeyFrom, ...rest } = FleetAudit.parse(EVERYTHING.audit);
  const document = {
    ...rest,
    hashKeyFile: '/k',
    sinks: sinks.map(({ tokenFrom: _tokenFrom, caFrom: _caFrom, ...sink }) => ({
      ...sink,
      ...(sink.type === 'Http' ? { tokenFile: '/t', caFile: '/c' } : {}),
    })),
  };
  expect(parseAuditSettings(JSON.stringify(document), 'EDICT_PDP_AUDIT_SETTINGS').sinks).toHaveLength(3);
});
