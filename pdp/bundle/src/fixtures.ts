import fc from 'fast-check';
import { Unencodable } from './model.ts';
import type { AnnotationEntry, AnnotationValue, DomainModel, PolicyEntity, RoleEntity } from './model.ts';

/** Builders for tests: a valid value of each kind, with what the test is about put in. */
export function aPolicy(parts: Partial<PolicyEntity> = {}): PolicyEntity {
  const rego = 'package authz\n\ndefault allow = true\n';
  return { mrn: 'mrn:policy:open', name: 'open', description: '', rego, dependencies: [], ...parts };
}

export function aRole(parts: Partial<RoleEntity> = {}): RoleEntity {
  return {
    mrn: 'mrn:role:clerk',
    name: 'clerk',
    description: '',
    policy: 'mrn:policy:open',
    annotations: [],
    ...parts,
  };
}

export function aDomain(parts: Partial<DomainModel> = {}): DomainModel {
  const empty = { libraries: [], roles: [], groups: [], resourceGroups: [], resources: [], scopes: [] };
  return { name: 'shop', policies: [], ...empty, operations: [], mappers: [], ...parts };
}

export function anAnnotation(name: string, value: AnnotationValue, merge = ''): AnnotationEntry {
  return { name, value, merge };
}

const plainRecord = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => {
  return fc.record<T>(model, { noNullPrototype: true });
};

const text = fc.string({ unit: 'grapheme', maxLength: 12 });

/** Strings as people write them, and those that could be taken for something else. */
export const anyText = fc.oneof(
  text,
  fc.constantFrom(
    '',
    '42',
    '"42"',
    'true',
    'null',
    '~',
    '0x1F',
    '017',
    '1_000',
    '2024-01-15',
    'yes',
    '<<',
    '[1]',
    '- x',
  ),
  fc.constantFrom(
    '{"a":1}',
    ' 1 ',
    'a: b',
    '#x',
    '@x',
    ' lead',
    'trail ',
    'two\nlines',
    '\n',
    'a \nb',
    '\u2028',
    '%',
    '1e400',
  ),
);

const anyKey = fc.oneof(fc.constantFrom('a', 'b', '42', 'yes', 'true', '<<', '$int', '$$', '', '__proto__'), text);

function values(leaf: fc.Arbitrary<AnnotationValue>): fc.Arbitrary<AnnotationValue> {
  const { value } = fc.letrec<{ value: AnnotationValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      leaf,
      fc.array(tie('value'), { maxLength: 4 }),
      fc.uniqueArray(fc.tuple(anyKey, tie('value')), { maxLength: 4, selector: ([key]) => key }).map((entries) => {
        return Object.fromEntries(entries);
      }),
    ),
  }));
  return value;
}

const scalars = [fc.constant(null), fc.boolean(), anyText] as const;
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

/** Values that JSON text gave: every number is a float. */
const decodedValue = values(fc.oneof(...scalars, finite, fc.integer()));

/** Values written natively: whole numbers are exact, floats have a fraction. */
const nativeValue = values(
  fc.oneof(
    ...scalars,
    finite.filter((number) => !Number.isInteger(number)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  ),
);

/** Every value that a PolicyDomain can hold and an object can say. */
export const expressibleValue: fc.Arbitrary<AnnotationValue> = fc.oneof(decodedValue, nativeValue);

/** Every value of the model. */
export const anyValue: fc.Arbitrary<AnnotationValue> = values(
  fc.oneof(
    ...scalars,
    finite,
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    anyText.map((reason) => new Unencodable(reason)),
  ),
);

/** Whole domains whose annotations hold such values. Rego and references are arbitrary texts. */
export function anyDomain(value: fc.Arbitrary<AnnotationValue>): fc.Arbitrary<DomainModel> {
  const texts = fc.array(anyText, { maxLength: 3 });
  const annotations = fc.array(plainRecord({ name: anyText, value, merge: anyText }), { maxLength: 3 });
  const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 2 });
  const named = { mrn: anyText, name: anyText, description: anyText };
  const policy = plainRecord({ ...named, rego: anyText, dependencies: texts });
  const role = { ...named, policy: anyText, annotations };
  const selector = fc.array(fc.constantFrom('.*', 'a|b', '^x$', ''), { maxLength: 2 });
  return plainRecord({
    name: anyText,
    policies: list(policy),
    libraries: list(policy),
    roles: list(plainRecord(role)),
    groups: list(plainRecord({ ...named, roles: texts, annotations })),
    resourceGroups: list(plainRecord({ ...role, default: fc.boolean() })),
    resources: list(plainRecord({ name: anyText, description: anyText, selector, group: anyText, annotations })),
    scopes: list(plainRecord(role)),
    operations: list(plainRecord({ name: anyText, selector, policy: anyText })),
    mappers: list(plainRecord({ name: anyText, selector, rego: anyText })),
  });
}
