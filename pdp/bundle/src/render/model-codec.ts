import { Unencodable } from '../model.ts';
import { BundleError } from './bundle-error.ts';
import type { CanonicalValue } from '../canonical-json.ts';
import type { AnnotationEntry, AnnotationValue, DomainModel, GroupEntity, PolicyEntity, RoleEntity } from '../model.ts';

/**
 * The model as JSON, without loss. Everything is written by its own name; only annotation values need a rule, because
 * JSON has fewer kinds of values: an exact integer is `{"$int": "42"}` (plain numbers are float64), a value that JSON
 * cannot hold is `{"$unencodable": "reason"}`, and a key of an object that begins with `$` gets another `$` in front.
 */
export function encodeModel(domain: DomainModel): CanonicalValue {
  const annotated = <E extends { readonly annotations: readonly AnnotationEntry[] }>(entities: readonly E[]) =>
    entities.map(({ annotations, ...rest }) => ({ ...rest, annotations: annotations.map(encodeEntry) }));
  return {
    name: domain.name,
    policies: domain.policies.map(plainPolicy),
    libraries: domain.libraries.map(plainPolicy),
    roles: annotated(domain.roles),
    groups: annotated(domain.groups),
    resourceGroups: annotated(domain.resourceGroups),
    resources: annotated(domain.resources),
    scopes: annotated(domain.scopes),
    operations: domain.operations.map(({ name, selector, policy }) => ({ name, selector, policy })),
    mappers: domain.mappers.map(({ name, selector, rego }) => ({ name, selector, rego })),
  };
}

function plainPolicy({ mrn, name, description, rego, dependencies }: PolicyEntity) {
  return { mrn, name, description, rego, dependencies };
}

function encodeEntry({ name, value, merge }: AnnotationEntry) {
  return { name, value: encodeValue(value), merge };
}

function encodeValue(value: AnnotationValue): CanonicalValue {
  if (typeof value === 'bigint') return { $int: String(value) };
  if (value instanceof Unencodable) return { $unencodable: value.reason };
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map(encodeValue);
  const members = Object.entries(value);
  return Object.fromEntries(
    members.map(([key, member]) => [key.startsWith('$') ? `$${key}` : key, encodeValue(member)]),
  );
}

function isList(value: AnnotationValue): value is readonly AnnotationValue[] {
  return Array.isArray(value);
}

/**
 * Reads what {@link encodeModel} wrote; nothing may be missing, and nothing be there besides.
 * @throws BundleError `bad-data`, naming the place
 */
export function decodeModel(value: unknown): DomainModel {
  const domain = new Members(value, 'domain');
  const model: DomainModel = {
    name: domain.string('name'),
    policies: domain.list('policies', decodePolicy),
    libraries: domain.list('libraries', decodePolicy),
    roles: domain.list('roles', decodeRole),
    groups: domain.list('groups', decodeGroup),
    resourceGroups: domain.list('resourceGroups', (members) => {
      return { ...decodeRole(members), default: members.boolean('default') };
    }),
    resources: domain.list('resources', (members) => ({
      name: members.string('name'),
      description: members.string('description'),
      selector: members.strings('selector'),
      group: members.string('group'),
      annotations: members.list('annotations', decodeEntry),
    })),
    scopes: domain.list('scopes', decodeRole),
    operations: domain.list('operations', (members) => ({
      name: members.string('name'),
      selector: members.strings('selector'),
      policy: members.string('policy'),
    })),
    mappers: domain.list('mappers', (members) => ({
      name: members.string('name'),
      selector: members.strings('selector'),
      rego: members.string('rego'),
    })),
  };
  domain.done();
  return model;
}

function decodePolicy(members: Members): PolicyEntity {
  return {
    mrn: members.string('mrn'),
    name: members.string('name'),
    description: members.string('description'),
    rego: members.string('rego'),
    dependencies: members.strings('dependencies'),
  };
}

function decodeRole(members: Members): RoleEntity {
  return {
    mrn: members.string('mrn'),
    name: members.string('name'),
    description: members.string('description'),
    policy: members.string('policy'),
    annotations: members.list('annotations', decodeEntry),
  };
}

function decodeGroup(members: Members): GroupEntity {
  return {
    mrn: members.string('mrn'),
    name: members.string('name'),
    description: members.string('description'),
    roles: members.strings('roles'),
    annotations: members.list('annotations', decodeEntry),
  };
}

function decodeEntry(members: Members): AnnotationEntry {
  return {
    name: members.string('name'),
    value: decodeValue(members.take('value'), members.path),
    merge: members.string('merge'),
  };
}

function decodeValue(value: unknown, path: string): AnnotationValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  if (Array.isArray(value)) return value.map((item) => decodeValue(item, path));
  if (typeof value !== 'object') throw bad(path, 'is not JSON');
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first !== undefined) {
    const [key, member] = first as [string, unknown];
    if (key === '$int' && typeof member === 'string' && /^(0|-?[1-9][0-9]{0,19})$/.test(member)) return BigInt(member);
    if (key === '$unencodable' && typeof member === 'string') return new Unencodable(member);
  }
  return Object.fromEntries(
    entries.map(([key, member]) => {
      if (key.startsWith('$') && !key.startsWith('$$')) throw bad(path, `holds the unknown mark '${key}'`);
      return [key.startsWith('$') ? key.slice(1) : key, decodeValue(member, path)];
    }),
  );
}

function bad(path: string, what: string): BundleError {
  return new BundleError('bad-data', `data.json: ${path} ${what}`);
}

/** The members of one object, each of which has to be taken. */
class Members {
  readonly path: string;
  readonly #members: Map<string, unknown>;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(path, 'is not an object');
    this.path = path;
    this.#members = new Map(Object.entries(value));
  }

  take(key: string): unknown {
    if (!this.#members.has(key)) throw bad(`${this.path}.${key}`, 'is missing');
    const value = this.#members.get(key);
    this.#members.delete(key);
    return value;
  }

  string(key: string): string {
    const value = this.take(key);
    if (typeof value !== 'string') throw bad(`${this.path}.${key}`, 'is not a string');
    return value;
  }

  boolean(key: string): boolean {
    const value = this.take(key);
    if (typeof value !== 'boolean') throw bad(`${this.path}.${key}`, 'is not a boolean');
    return value;
  }

  strings(key: string): readonly string[] {
    return this.#items(key).map((item) => {
      if (typeof item !== 'string') throw bad(`${this.path}.${key}`, 'holds something that is not a string');
      return item;
    });
  }

  list<T>(key: string, decode: (members: Members) => T): readonly T[] {
    return this.#items(key).map((item, index) => {
      const members = new Members(item, `${this.path}.${key}[${String(index)}]`);
      const decoded = decode(members);
      members.done();
      return decoded;
    });
  }

  done(): void {
    const [extra] = this.#members.keys();
    if (extra !== undefined) throw bad(`${this.path}.${extra}`, 'is not known');
  }

  #items(key: string): readonly unknown[] {
    const value = this.take(key);
    if (!Array.isArray(value)) throw bad(`${this.path}.${key}`, 'is not a list');
    return value as readonly unknown[];
  }
}
