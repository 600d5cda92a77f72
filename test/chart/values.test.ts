import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { CHART, readYaml } from './renderings.ts';

interface Schema {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
}

const schema = JSON.parse(readFileSync(path.join(CHART, 'values.schema.json'), 'utf8')) as Schema;
const values = readYaml(readFileSync(path.join(CHART, 'values.yaml'), 'utf8')) as Readonly<Record<string, unknown>>;

/** Every place of the schema with its path, but for items of lists. */
function places(node: Schema, at: readonly string[]): readonly (readonly [string, Schema])[] {
  const below = Object.entries(node.properties ?? {}).flatMap(([name, child]) => places(child, [...at, name]));
  return at.length === 0 ? below : [[at.join('.'), node], ...below];
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const all = places(schema, []);

test.each(all)('%s says what it is, and of which type', (_path, { description, type, enum: choices }) => {
  expect(description).toMatch(/^[^\s].{4,}/);
  expect(type !== undefined || choices !== undefined).toBe(true);
});

test('every value has a default, but for the members that a PolicyDecisionPoint has by itself', () => {
  const without = all
    .map(([at]) => at)
    .filter((at) => at !== 'global' && !at.startsWith('firstPolicyDecisionPoint.'))
    .filter((at) => {
      let node: unknown = values;
      for (const name of at.split('.')) node = isMap(node) ? node[name] : undefined;
      return node === undefined;
    });
  expect(without).toEqual([]);
});

test('no value is misspelled unseen: objects take only what they know', () => {
  const open = all.filter(
    ([, { properties, additionalProperties }]) => properties !== undefined && additionalProperties !== false,
  );
  expect(open.map(([at]) => at)).toEqual([]);
});
