import { sortStrings } from '../value.ts';
import {
  isNonNull,
  makeNode,
  named,
  nodeOf,
  nodesOf,
  positionOf,
  textOf,
  textsOf,
  typeName,
  typeText,
  valueKind,
  type GraphqlNode,
} from './graphql-node.ts';
import { GraphqlProblem } from './graphql-parser.ts';
import { GRAPHQL_PRELUDE } from './graphql-prelude.ts';
import { parseGraphqlSchema } from './graphql-schema-parser.ts';
import { quoteText } from './text.ts';

/** A type with its extensions merged in. */
export interface GraphqlType {
  readonly node: GraphqlNode;
  readonly kind: string;
  readonly name: string;
  readonly fields: GraphqlNode[];
  readonly interfaces: string[];
  readonly directives: GraphqlNode[];
  readonly members: string[];
  readonly enumValues: GraphqlNode[];
}

/** A schema that holds together. */
export interface GraphqlSchema {
  readonly types: ReadonlyMap<string, GraphqlType>;
  readonly directives: ReadonlyMap<string, GraphqlNode>;
  /** The object types that an abstract type may be; an object type is itself. */
  readonly possibleTypes: ReadonlyMap<string, readonly GraphqlType[]>;
  readonly roots: Readonly<Record<'query' | 'mutation' | 'subscription', GraphqlType | undefined>>;
}

/** Builds the schema of a document, or throws a GraphqlProblem for the first thing that is wrong with it. */
export function buildGraphqlSchema(document: GraphqlNode): GraphqlSchema {
  prelude ??= parseGraphqlSchema(GRAPHQL_PRELUDE, true);
  return new SchemaBuilder([prelude, document]).build();
}

let prelude: GraphqlNode | undefined;

/** A type as gqlparser keeps it. */
function makeType(node: GraphqlNode): GraphqlType {
  return {
    node,
    kind: textOf(node, 'Kind'),
    name: textOf(node, 'Name'),
    fields: [...nodesOf(node, 'Fields')],
    interfaces: [...textsOf(node, 'Interfaces')],
    directives: [...nodesOf(node, 'Directives')],
    members: [...textsOf(node, 'Types')],
    enumValues: [...nodesOf(node, 'EnumValues')],
  };
}

/** Whether values of a type can be given as arguments. */
export function isInputType(type: GraphqlType): boolean {
  return type.kind === 'SCALAR' || type.kind === 'ENUM' || type.kind === 'INPUT_OBJECT';
}

function problem(node: GraphqlNode, message: string): GraphqlProblem {
  return new GraphqlProblem(message, positionOf(node));
}

const BUILT_IN_DIRECTIVES: ReadonlySet<string> = new Set([
  'include',
  'skip',
  'deprecated',
  'specifiedBy',
  'defer',
  'oneOf',
]);

class SchemaBuilder {
  readonly #documents: readonly GraphqlNode[];
  readonly #types = new Map<string, GraphqlType>();
  readonly #directives = new Map<string, GraphqlNode>();
  readonly #possible = new Map<string, GraphqlType[]>();
  readonly #roots: Record<string, GraphqlType | undefined> = {};

  constructor(documents: readonly GraphqlNode[]) {
    this.#documents = documents;
  }

  build(): GraphqlSchema {
    for (const node of this.#all('Definitions')) {
      const type = makeType(node);
      if (this.#types.has(type.name)) throw problem(node, `Cannot redeclare type ${type.name}.`);
      this.#types.set(type.name, type);
    }
    for (const extension of this.#all('Extensions')) this.#extend(extension);
    this.#findPossibleTypes();
    for (const directive of this.#all('Directives')) {
      const name = textOf(directive, 'Name');
      if (this.#directives.has(name) && !BUILT_IN_DIRECTIVES.has(name)) {
        throw problem(directive, `Cannot redeclare directive ${name}.`);
      }
      this.#directives.set(name, directive);
    }
    this.#findRoots();
    for (const name of sortStrings([...this.#types.keys()])) {
      const type = this.#types.get(name);
      if (type !== undefined) this.#checkType(type);
    }
    this.#checkInputCycles();
    for (const name of sortStrings([...this.#directives.keys()])) {
      const directive = this.#directives.get(name);
      if (directive === undefined) continue;
      this.#checkName(directive);
      this.#checkArguments(nodesOf(directive, 'Arguments'), name);
    }
    return this.#finish();
  }

  #all(member: string): readonly GraphqlNode[] {
    return this.#documents.flatMap((document) => nodesOf(document, member));
  }

  #extend(extension: GraphqlNode): void {
    const added = makeType(extension);
    let type = this.#types.get(added.name);
    if (type === undefined) {
      type = { ...added, fields: [], interfaces: [], directives: [], members: [], enumValues: [] };
      this.#types.set(added.name, type);
    }
    if (type.kind !== added.kind) {
      throw problem(
        extension,
        `Cannot extend type ${added.name} because the base type is a ${type.kind}, not ${added.kind}.`,
      );
    }
    type.directives.push(...added.directives);
    type.interfaces.push(...added.interfaces);
    type.fields.push(...added.fields);
    type.members.push(...added.members);
    type.enumValues.push(...added.enumValues);
  }

  #findPossibleTypes(): void {
    const add = (name: string, type: GraphqlType | undefined): void => {
      if (type === undefined) return;
      const list = this.#possible.get(name);
      if (list === undefined) this.#possible.set(name, [type]);
      else list.push(type);
    };
    for (const type of this.#types.values()) {
      if (type.kind === 'UNION') for (const member of type.members) add(type.name, this.#types.get(member));
      else {
        for (const name of type.interfaces) add(name, type);
        if (type.kind === 'OBJECT' || type.kind === 'INPUT_OBJECT') add(type.name, type);
      }
    }
  }

  #findRoots(): void {
    const schemas = this.#all('Schema');
    const [, second] = schemas;
    if (second !== undefined) {
      throw problem(second, 'Cannot have multiple schema entry points, consider schema extensions instead.');
    }
    for (const schema of [...schemas, ...this.#all('SchemaExtension')]) {
      for (const entry of nodesOf(schema, 'OperationTypes')) {
        const operation = textOf(entry, 'Operation');
        const type = this.#types.get(textOf(entry, 'Type'));
        if (type === undefined) {
          throw problem(
            entry,
            `Schema root ${operation} refers to a type ${textOf(entry, 'Type')} that does not exist.`,
          );
        }
        this.#roots[operation] = type;
      }
      this.#checkDirectives(nodesOf(schema, 'Directives'), 'SCHEMA', true);
    }
  }

  #finish(): GraphqlSchema {
    if (this.#all('Schema').length === 0) {
      this.#roots['query'] ??= this.#types.get('Query');
      this.#roots['mutation'] ??= this.#types.get('Mutation');
      this.#roots['subscription'] ??= this.#types.get('Subscription');
    }
    const query = this.#roots['query'];
    if (query !== undefined) query.fields.push(...introspectionFields());
    return {
      types: this.#types,
      directives: this.#directives,
      possibleTypes: this.#possible,
      roots: { query, mutation: this.#roots['mutation'], subscription: this.#roots['subscription'] },
    };
  }

  #checkName(node: GraphqlNode): void {
    const name = textOf(node, 'Name');
    if (name.startsWith('__')) {
      throw problem(node, `Name "${name}" must not begin with "__", which is reserved by GraphQL introspection.`);
    }
  }

  #checkType(type: GraphqlType): void {
    const isInput = type.kind === 'INPUT_OBJECT';
    for (const field of type.fields) {
      this.#checkName(field);
      this.#checkReference(nodeOf(field, 'Type'));
      this.#checkArguments(nodesOf(field, 'Arguments'), undefined);
      this.#checkDirectives(
        nodesOf(field, 'Directives'),
        isInput ? 'INPUT_FIELD_DEFINITION' : 'FIELD_DEFINITION',
        true,
      );
    }
    for (const member of type.members) {
      const target = this.#types.get(member);
      if (target === undefined) throw problem(type.node, `Undefined type ${quoteText(member)}.`);
      if (target.kind !== 'OBJECT') throw problem(type.node, `${type.kind} type ${quoteText(member)} must be OBJECT.`);
    }
    for (const name of type.interfaces) this.#checkImplements(type, name);
    this.#checkContent(type);
    this.#checkUnique(type);
    if (type.node['BuiltIn'] !== true) this.#checkName(type.node);
    this.#checkDirectives(type.directives, type.kind, false);
  }

  #checkContent(type: GraphqlType): void {
    switch (type.kind) {
      case 'OBJECT':
      case 'INTERFACE':
        if (type.fields.length === 0) {
          throw problem(type.node, `${type.kind} ${type.name}: must define one or more fields.`);
        }
        for (const field of type.fields) {
          if (this.#types.get(typeName(nodeOf(field, 'Type')))?.kind === 'INPUT_OBJECT') {
            const kinds = 'SCALAR, OBJECT, INTERFACE, UNION, ENUM';
            throw problem(field, `${type.kind} ${type.name}: field must be one of ${kinds}.`);
          }
        }
        return;
      case 'ENUM':
        if (type.enumValues.length === 0) {
          throw problem(type.node, `${type.kind} ${type.name}: must define one or more unique enum values.`);
        }
        for (const value of type.enumValues) {
          const name = textOf(value, 'Name');
          if (name === 'true' || name === 'false' || name === 'null') {
            throw problem(type.node, `${type.kind} ${type.name}: non-enum value ${name}.`);
          }
          this.#checkDirectives(nodesOf(value, 'Directives'), 'ENUM_VALUE', true);
        }
        return;
      case 'INPUT_OBJECT':
        if (type.fields.length === 0) {
          throw problem(type.node, `${type.kind} ${type.name}: must define one or more input fields.`);
        }
        for (const field of type.fields) {
          const target = this.#types.get(typeName(nodeOf(field, 'Type')));
          if (target !== undefined && !isInputType(target)) {
            throw problem(
              field,
              `${target.kind} ${textOf(field, 'Name')}: field must be one of SCALAR, ENUM, INPUT_OBJECT.`,
            );
          }
        }
        return;
      default:
    }
  }

  #checkUnique(type: GraphqlType): void {
    const repeated = (nodes: readonly GraphqlNode[]): GraphqlNode | undefined => {
      const seen = new Set<string>();
      return nodes.find((node) => {
        const name = textOf(node, 'Name');
        if (seen.has(name)) return true;
        seen.add(name);
        return false;
      });
    };
    const field = repeated(type.fields);
    if (field !== undefined)
      throw problem(field, `Field ${type.name}.${textOf(field, 'Name')} can only be defined once.`);
    const value = repeated(type.enumValues);
    if (value !== undefined) {
      throw problem(value, `Enum value ${type.name}.${textOf(value, 'Name')} can only be defined once.`);
    }
    const member = type.members.find((name, index) => type.members.indexOf(name) !== index);
    if (member !== undefined) {
      throw problem(type.node, `Union type ${type.name} can only include type ${member} once.`);
    }
  }

  #checkReference(type: GraphqlNode | undefined): void {
    const name = typeName(type);
    if (!this.#types.has(name)) throw new GraphqlProblem(`Undefined type ${name}.`, type && positionOf(type));
  }

  #checkArguments(list: readonly GraphqlNode[], directive: string | undefined): void {
    for (const argument of list) {
      this.#checkName(argument);
      const type = nodeOf(argument, 'Type');
      this.#checkReference(type);
      const target = this.#types.get(typeName(type));
      if (target !== undefined && !isInputType(target)) {
        const name = textOf(argument, 'Name');
        throw problem(
          argument,
          `cannot use ${typeText(type)} as argument ${name} because ${target.kind} is not a valid input type`,
        );
      }
      this.#checkDirectives(nodesOf(argument, 'Directives'), 'ARGUMENT_DEFINITION', true, directive);
    }
  }

  #checkDirectives(list: readonly GraphqlNode[], location: string, isOnePlace: boolean, within?: string): void {
    const seen = new Set<string>();
    for (const directive of list) {
      this.#checkName(directive);
      const name = textOf(directive, 'Name');
      if (name === within) throw problem(directive, `Directive ${name} cannot refer to itself.`);
      const definition = this.#directives.get(name);
      if (definition === undefined) throw problem(directive, `Undefined directive ${name}.`);
      if (isOnePlace && seen.has(name) && definition['IsRepeatable'] !== true) {
        throw problem(directive, `The directive ${name} can only be used once at this location.`);
      }
      seen.add(name);
      if (!textsOf(definition, 'Locations').includes(location)) {
        throw problem(directive, `Directive ${name} is not applicable on ${location}.`);
      }
      this.#checkDirectiveArguments(directive, definition);
    }
  }

  #checkDirectiveArguments(directive: GraphqlNode, definition: GraphqlNode): void {
    const name = textOf(directive, 'Name');
    const known = nodesOf(definition, 'Arguments');
    const given = nodesOf(directive, 'Arguments');
    for (const argument of given) {
      if (named(known, textOf(argument, 'Name')) === undefined) {
        throw problem(argument, `Undefined argument ${textOf(argument, 'Name')} for directive ${name}.`);
      }
    }
    for (const wanted of known) {
      const type = nodeOf(wanted, 'Type');
      if (type === undefined || !isNonNull(type) || nodeOf(wanted, 'DefaultValue') !== undefined) continue;
      const argument = named(given, textOf(wanted, 'Name'));
      const value = argument === undefined ? undefined : nodeOf(argument, 'Value');
      if (value === undefined || valueKind(value) === 'Null') {
        throw problem(directive, `Argument ${textOf(wanted, 'Name')} for directive ${name} cannot be null.`);
      }
    }
  }

  #checkImplements(type: GraphqlType, name: string): void {
    const target = this.#types.get(name);
    if (target === undefined) throw problem(type.node, `Undefined type ${quoteText(name)}.`);
    if (target.kind !== 'INTERFACE') {
      throw problem(type.node, `${quoteText(name)} is a non interface type ${target.kind}.`);
    }
    const prefix = `For ${type.name} to implement ${target.name}`;
    for (const wanted of target.fields) {
      const field = named(type.fields, textOf(wanted, 'Name'));
      const fieldName = textOf(wanted, 'Name');
      if (field === undefined) throw problem(type.node, `${prefix} it must have a field called ${fieldName}.`);
      const wantedType = nodeOf(wanted, 'Type');
      if (!this.#isCovariant(wantedType, nodeOf(field, 'Type'))) {
        throw problem(field, `${prefix} the field ${fieldName} must have type ${typeText(wantedType)}.`);
      }
      this.#checkFieldArguments(prefix, wanted, field);
    }
    for (const transitive of target.interfaces) {
      if (type.interfaces.includes(transitive)) continue;
      if (transitive === type.name) {
        throw problem(
          type.node,
          `Type ${type.name} cannot implement ${name} because it would create a circular reference.`,
        );
      }
      throw problem(type.node, `Type ${type.name} must implement ${transitive} because it is implemented by ${name}.`);
    }
  }

  #checkFieldArguments(prefix: string, wanted: GraphqlNode, field: GraphqlNode): void {
    const fieldName = textOf(wanted, 'Name');
    const same = `${prefix} the field ${fieldName} must have the same arguments but`;
    const given = nodesOf(field, 'Arguments');
    const required = nodesOf(wanted, 'Arguments');
    for (const argument of required) {
      const name = textOf(argument, 'Name');
      const found = named(given, name);
      if (found === undefined) throw problem(field, `${same} it is missing ${name}.`);
      if (!isCompatible(nodeOf(argument, 'Type'), nodeOf(found, 'Type'))) {
        throw problem(found, `${same} ${name} has the wrong type.`);
      }
    }
    for (const argument of given) {
      const type = nodeOf(argument, 'Type');
      const isRequired = type !== undefined && isNonNull(type) && nodeOf(argument, 'DefaultValue') === undefined;
      if (isRequired && named(required, textOf(argument, 'Name')) === undefined) {
        const name = textOf(argument, 'Name');
        throw problem(
          argument,
          `${prefix} any additional arguments on ${fieldName} must be optional or have a default value but ${name} is required.`,
        );
      }
    }
  }

  #isCovariant(required: GraphqlNode | undefined, actual: GraphqlNode | undefined): boolean {
    if (required === undefined || actual === undefined) return required === actual;
    if (isNonNull(required) && !isNonNull(actual)) return false;
    const name = textOf(required, 'NamedType');
    if (name === '') return this.#isCovariant(nodeOf(required, 'Elem'), nodeOf(actual, 'Elem'));
    const other = textOf(actual, 'NamedType');
    return name === other || this.#possible.get(name)?.some((type) => type.name === other) === true;
  }

  /** Input objects that contain themselves by required fields have no values. */
  #checkInputCycles(): void {
    const visited = new Set<string>();
    const path: GraphqlNode[] = [];
    const indexes = new Map<string, number>();
    const visit = (type: GraphqlType): void => {
      if (visited.has(type.name)) return;
      visited.add(type.name);
      indexes.set(type.name, path.length);
      for (const field of type.fields) {
        const fieldType = nodeOf(field, 'Type');
        if (fieldType === undefined || !isNonNull(fieldType) || textOf(fieldType, 'NamedType') === '') continue;
        const target = this.#types.get(textOf(fieldType, 'NamedType'));
        if (target?.kind !== 'INPUT_OBJECT') continue;
        path.push(field);
        const start = indexes.get(target.name);
        if (start !== undefined) {
          const names = path.slice(start).map((each) => textOf(each, 'Name'));
          const message = 'within itself through a series of non-null fields';
          throw problem(
            path[start] ?? field,
            `Cannot reference Input Object ${quoteText(target.name)} ${message}: ${quoteText(names.join('.'))}.`,
          );
        }
        visit(target);
        path.pop();
      }
      indexes.delete(type.name);
    };
    for (const name of sortStrings([...this.#types.keys()])) {
      const type = this.#types.get(name);
      if (type?.kind === 'INPUT_OBJECT') visit(type);
    }
  }
}

/** Whether a variable of type `a` may stand where `b` is expected. */
export function isCompatible(a: GraphqlNode | undefined, b: GraphqlNode | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (textOf(a, 'NamedType') !== textOf(b, 'NamedType')) return false;
  const element = nodeOf(a, 'Elem');
  if (element !== undefined && !isCompatible(element, nodeOf(b, 'Elem'))) return false;
  return !isNonNull(b) || isNonNull(a);
}

/** `__schema` and `__type`, which every query type has. */
function introspectionFields(): readonly GraphqlNode[] {
  const position = { line: 0, column: 0 };
  const type = (name: string, isRequired: boolean): GraphqlNode =>
    makeNode(position, { NamedType: name, NonNull: isRequired });
  return [
    makeNode(position, { Name: '__schema', Type: type('__Schema', true) }),
    makeNode(position, {
      Name: '__type',
      Type: type('__Type', false),
      Arguments: [makeNode(position, { Name: 'name', Type: type('String', true) })],
    }),
  ];
}
