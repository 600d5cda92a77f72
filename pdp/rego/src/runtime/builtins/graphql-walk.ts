import { isNonNull, named, nodeOf, nodesOf, textOf, typeName, valueKind, type GraphqlNode } from './graphql-node.ts';
import type { GraphqlSchema, GraphqlType } from './graphql-schema.ts';

/** A value with what its place expects. */
export interface ValuePlace {
  readonly value: GraphqlNode;
  readonly expected: GraphqlNode | undefined;
  readonly hasDefault: boolean;
  readonly type: GraphqlType | undefined;
  readonly operation: GraphqlNode | undefined;
}

/** What a query document is made of, in the order of walking: what is inside comes before what is around. */
export interface QueryVisitor {
  readonly variable: (definition: GraphqlNode) => void;
  readonly value: (place: ValuePlace) => void;
  readonly directive: (directive: GraphqlNode, definition: GraphqlNode | undefined, location: string) => void;
  readonly directives: (directives: readonly GraphqlNode[]) => void;
  readonly field: (field: GraphqlNode, definition: GraphqlNode | undefined, parent: GraphqlType | undefined) => void;
  readonly inlineFragment: (fragment: GraphqlNode, parent: GraphqlType | undefined) => void;
  readonly spread: (spread: GraphqlNode, fragment: GraphqlNode | undefined, parent: GraphqlType | undefined) => void;
  readonly operation: (operation: GraphqlNode, used: ReadonlySet<string>) => void;
  readonly fragment: (fragment: GraphqlNode, type: GraphqlType | undefined) => void;
}

const ROOT_LOCATIONS: Readonly<Record<string, string>> = {
  query: 'QUERY',
  mutation: 'MUTATION',
  subscription: 'SUBSCRIPTION',
};

/** `__typename`, which all composite types have. */
const TYPENAME: GraphqlNode = { Name: '__typename', Type: { NamedType: 'String', NonNull: false } };

/** Walks through a query document with the types of a schema. */
export function walkQuery(schema: GraphqlSchema, document: GraphqlNode, visitor: QueryVisitor): void {
  new Walker(schema, document, visitor).walk();
}

class Walker {
  readonly #schema: GraphqlSchema;
  readonly #document: GraphqlNode;
  readonly #visitor: QueryVisitor;
  #operation: GraphqlNode | undefined = undefined;
  #seen = new Set<string>();
  #used = new Set<string>();

  constructor(schema: GraphqlSchema, document: GraphqlNode, visitor: QueryVisitor) {
    this.#schema = schema;
    this.#document = document;
    this.#visitor = visitor;
  }

  walk(): void {
    for (const operation of nodesOf(this.#document, 'Operations')) {
      this.#seen = new Set();
      this.#walkOperation(operation);
    }
    this.#operation = undefined;
    for (const fragment of nodesOf(this.#document, 'Fragments')) {
      this.#seen = new Set();
      const type = this.#schema.types.get(textOf(fragment, 'TypeCondition'));
      this.#directives(fragment, 'FRAGMENT_DEFINITION');
      this.#selections(fragment, type);
      this.#visitor.fragment(fragment, type);
    }
  }

  #walkOperation(operation: GraphqlNode): void {
    this.#operation = operation;
    this.#used = new Set();
    const variables = nodesOf(operation, 'VariableDefinitions');
    for (const variable of variables) this.#visitor.variable(variable);
    for (const variable of variables) {
      const fallback = nodeOf(variable, 'DefaultValue');
      const type = nodeOf(variable, 'Type');
      if (fallback !== undefined) this.#value(fallback, type, false);
      this.#directives(variable, 'VARIABLE_DEFINITION');
    }
    const kind = textOf(operation, 'Operation');
    const root = this.#schema.roots[kind === 'mutation' || kind === 'subscription' ? kind : 'query'];
    this.#directives(operation, ROOT_LOCATIONS[kind] ?? 'QUERY');
    this.#selections(operation, root);
    this.#visitor.operation(operation, this.#used);
  }

  #directives(node: GraphqlNode, location: string): void {
    const directives = nodesOf(node, 'Directives');
    for (const directive of directives) {
      const definition = this.#schema.directives.get(textOf(directive, 'Name'));
      this.#arguments(directive, definition);
      this.#visitor.directive(directive, definition, location);
    }
    this.#visitor.directives(directives);
  }

  #arguments(node: GraphqlNode, definition: GraphqlNode | undefined): void {
    for (const argument of nodesOf(node, 'Arguments')) {
      const value = nodeOf(argument, 'Value');
      const known = definition && named(nodesOf(definition, 'Arguments'), textOf(argument, 'Name'));
      if (value !== undefined) this.#value(value, known && nodeOf(known, 'Type'), hasDefault(known));
    }
  }

  #value(value: GraphqlNode, expected: GraphqlNode | undefined, isOptional: boolean): void {
    const type = expected && this.#schema.types.get(typeName(expected));
    const kind = valueKind(value);
    if (kind === 'Variable') this.#used.add(textOf(value, 'Raw'));
    for (const child of nodesOf(value, 'Children')) {
      const inner = nodeOf(child, 'Value');
      if (inner === undefined) continue;
      if (kind === 'Object') {
        const field = type && named(type.fields, textOf(child, 'Name'));
        this.#value(inner, field && nodeOf(field, 'Type'), hasDefault(field));
      } else this.#value(inner, expected && nodeOf(expected, 'Elem'), false);
    }
    this.#visitor.value({ value, expected, hasDefault: isOptional, type, operation: this.#operation });
  }

  #selections(node: GraphqlNode, parent: GraphqlType | undefined): void {
    for (const selection of nodesOf(node, 'SelectionSet')) {
      if (selection['TypeCondition'] !== undefined) this.#inlineFragment(selection, parent);
      else if (selection['Alias'] !== undefined) this.#field(selection, parent);
      else this.#spread(selection, parent);
    }
  }

  #field(field: GraphqlNode, parent: GraphqlType | undefined): void {
    const name = textOf(field, 'Name');
    const definition = name === '__typename' ? TYPENAME : parent && named(parent.fields, name);
    const type = definition && this.#schema.types.get(typeName(nodeOf(definition, 'Type')));
    this.#arguments(field, definition);
    this.#directives(field, 'FIELD');
    this.#selections(field, type);
    this.#visitor.field(field, definition, parent);
  }

  #inlineFragment(fragment: GraphqlNode, parent: GraphqlType | undefined): void {
    const condition = textOf(fragment, 'TypeCondition');
    this.#directives(fragment, 'INLINE_FRAGMENT');
    this.#selections(fragment, condition === '' ? parent : this.#schema.types.get(condition));
    this.#visitor.inlineFragment(fragment, parent);
  }

  #spread(spread: GraphqlNode, parent: GraphqlType | undefined): void {
    const name = textOf(spread, 'Name');
    const fragment = named(nodesOf(this.#document, 'Fragments'), name);
    this.#directives(spread, 'FRAGMENT_SPREAD');
    if (fragment !== undefined && !this.#seen.has(name)) {
      // Once per operation: fragments may spread each other in circles.
      this.#seen.add(name);
      this.#directives(fragment, 'FRAGMENT_DEFINITION');
      this.#selections(fragment, this.#schema.types.get(textOf(fragment, 'TypeCondition')));
    }
    this.#visitor.spread(spread, fragment, parent);
  }
}

/** Whether an argument or field has a default other than null. */
function hasDefault(definition: GraphqlNode | undefined): boolean {
  const fallback = definition && nodeOf(definition, 'DefaultValue');
  return fallback !== undefined && valueKind(fallback) !== 'Null';
}

/** Whether an argument or input field must be given. */
export function isRequired(definition: GraphqlNode): boolean {
  const type = nodeOf(definition, 'Type');
  return type !== undefined && isNonNull(type) && nodeOf(definition, 'DefaultValue') === undefined;
}
