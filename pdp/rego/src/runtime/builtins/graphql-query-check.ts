import type { Value } from '../value.ts';
import {
  isNonNull,
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
import type { GraphqlPosition } from './graphql-lexer.ts';
import { checkOverlaps } from './graphql-overlap.ts';
import { isCompatible, isInputType, type GraphqlSchema, type GraphqlType } from './graphql-schema.ts';
import { quotedList, suggest } from './graphql-suggestions.ts';
import { checkValue, valueText, type Report } from './graphql-values.ts';
import { isRequired, walkQuery, type QueryVisitor, type ValuePlace } from './graphql-walk.ts';
import { quoteText } from './text.ts';

/** One thing that is wrong with a query. */
export interface QueryProblem {
  readonly message: string;
  readonly position: GraphqlPosition | undefined;
}

/** All that a schema forbids about a query document (section 5 of the GraphQL specification). */
export function checkGraphqlQuery(schema: GraphqlSchema, document: GraphqlNode): readonly QueryProblem[] {
  const problems: QueryProblem[] = [];
  const report: Report = (node, message) => problems.push({ message, position: positionOf(node) });
  walkQuery(schema, document, new Checker(schema, document, report));
  checkOverlaps(document, report);
  checkCycles(document, report);
  return problems;
}

class Checker implements QueryVisitor {
  readonly #schema: GraphqlSchema;
  readonly #document: GraphqlNode;
  readonly #report: Report;
  readonly #spread = new Set<string>();
  readonly #operations = new Set<string>();
  readonly #fragments = new Set<string>();

  constructor(schema: GraphqlSchema, document: GraphqlNode, report: Report) {
    this.#schema = schema;
    this.#document = document;
    this.#report = report;
  }

  variable = (variable: GraphqlNode): void => {
    const name = typeName(nodeOf(variable, 'Type'));
    if (!this.#schema.types.has(name)) this.#report(variable, `Unknown type "${name}".`);
  };

  value = (place: ValuePlace): void => {
    const { value } = place;
    if (valueKind(value) === 'Object') {
      reportRepeated(nodesOf(value, 'Children'), 'Name', (child, name) => {
        this.#report(child, `There can be only one input field named "${name}".`);
      });
    }
    if (valueKind(value) === 'Variable') this.#variableUse(place);
    checkValue(place, this.#report);
  };

  #variableUse({ value, expected, hasDefault, operation }: ValuePlace): void {
    if (operation === undefined) return;
    const definitions = nodesOf(operation, 'VariableDefinitions');
    const definition = definitions.find((each) => textOf(each, 'Variable') === textOf(value, 'Raw'));
    if (definition === undefined) {
      const name = textOf(operation, 'Name');
      const where = name === '' ? '' : ` by operation "${name}"`;
      this.#report(value, `Variable "${valueText(value)}" is not defined${where}.`);
      return;
    }
    if (expected === undefined) return;
    const fallback = nodeOf(definition, 'DefaultValue');
    const mayBeNull = hasDefault || (fallback !== undefined && valueKind(fallback) !== 'Null');
    const wanted: Record<string, Value> = { ...expected, NonNull: isNonNull(expected) && !mayBeNull };
    if (isCompatible(nodeOf(definition, 'Type'), wanted)) return;
    const types = `of type "${typeText(nodeOf(definition, 'Type'))}" used in position expecting type "${typeText(expected)}"`;
    this.#report(value, `Variable "${valueText(value)}" ${types}.`);
  }

  directive = (directive: GraphqlNode, definition: GraphqlNode | undefined, location: string): void => {
    const name = textOf(directive, 'Name');
    this.#uniqueArguments(directive);
    if (definition === undefined) {
      this.#report(directive, `Unknown directive "@${name}".`);
      return;
    }
    if (!textsOf(definition, 'Locations').includes(location)) {
      this.#report(directive, `Directive "@${name}" may not be used on ${location}.`);
    }
    const known = nodesOf(definition, 'Arguments');
    for (const argument of nodesOf(directive, 'Arguments')) {
      const argumentName = textOf(argument, 'Name');
      if (named(known, argumentName) !== undefined) continue;
      const hint = suggest(
        'Did you mean',
        argumentName,
        known.map((each) => textOf(each, 'Name')),
      );
      this.#report(directive, `Unknown argument "${argumentName}" on directive "@${name}".${hint}`);
    }
    this.#requiredArguments(directive, definition, `Directive "@${name}"`);
  };

  directives = (directives: readonly GraphqlNode[]): void => {
    const once = directives.filter(
      (each) => this.#schema.directives.get(textOf(each, 'Name'))?.['IsRepeatable'] !== true,
    );
    reportRepeated(once, 'Name', (directive, name) => {
      this.#report(directive, `The directive "@${name}" can only be used once at this location.`);
    });
  };

  #uniqueArguments(node: GraphqlNode): void {
    reportRepeated(nodesOf(node, 'Arguments'), 'Name', (argument, name) => {
      this.#report(argument, `There can be only one argument named "${name}".`);
    });
  }

  #requiredArguments(node: GraphqlNode, definition: GraphqlNode, subject: string): void {
    const given = nodesOf(node, 'Arguments');
    for (const argument of nodesOf(definition, 'Arguments')) {
      const name = textOf(argument, 'Name');
      if (!isRequired(argument) || named(given, name) !== undefined) continue;
      const type = typeText(nodeOf(argument, 'Type'));
      this.#report(node, `${subject} argument "${name}" of type "${type}" is required, but it was not provided.`);
    }
  }

  field = (field: GraphqlNode, definition: GraphqlNode | undefined, parent: GraphqlType | undefined): void => {
    const name = textOf(field, 'Name');
    this.#uniqueArguments(field);
    if (definition === undefined) {
      if (parent !== undefined) {
        this.#report(field, `Cannot query field "${name}" on type "${parent.name}".${this.#fieldHint(parent, name)}`);
      }
      return;
    }
    const known = nodesOf(definition, 'Arguments');
    for (const argument of nodesOf(field, 'Arguments')) {
      const argumentName = textOf(argument, 'Name');
      if (parent === undefined || named(known, argumentName) !== undefined) continue;
      const hint = suggest(
        'Did you mean',
        argumentName,
        known.map((each) => textOf(each, 'Name')),
      );
      this.#report(field, `Unknown argument "${argumentName}" on field "${parent.name}.${name}".${hint}`);
    }
    this.#requiredArguments(field, definition, `Field "${name}"`);
    const type = this.#schema.types.get(typeName(nodeOf(definition, 'Type')));
    if (type === undefined) return;
    const isLeaf = type.kind === 'SCALAR' || type.kind === 'ENUM';
    const isSelected = nodesOf(field, 'SelectionSet').length > 0;
    if (isLeaf && isSelected) {
      this.#report(field, `Field "${name}" must not have a selection since type "${type.name}" has no subfields.`);
    } else if (!isLeaf && !isSelected) {
      const wanted = `must have a selection of subfields. Did you mean "${name} { ... }"?`;
      this.#report(field, `Field "${name}" of type "${typeText(nodeOf(definition, 'Type'))}" ${wanted}`);
    }
  };

  #fieldHint(parent: GraphqlType, name: string): string {
    if (parent.kind === 'INTERFACE' || parent.kind === 'UNION') {
      const types = (this.#schema.possibleTypes.get(parent.name) ?? []).filter(
        (type) => named(type.fields, name) !== undefined,
      );
      if (types.length > 0) {
        return ` Did you mean to use an inline fragment on ${quotedList(types.map((type) => type.name).sort())}?`;
      }
    }
    if (parent.kind !== 'OBJECT' && parent.kind !== 'INTERFACE') return '';
    return suggest(
      'Did you mean',
      name,
      parent.fields.map((field) => textOf(field, 'Name')),
    );
  }

  inlineFragment = (fragment: GraphqlNode, parent: GraphqlType | undefined): void => {
    const condition = textOf(fragment, 'TypeCondition');
    if (condition === '') return;
    const type = this.#schema.types.get(condition);
    if (type === undefined) this.#report(fragment, `Unknown type "${condition}".`);
    else if (!isComposite(type)) {
      this.#report(fragment, `Fragment cannot condition on non composite type "${condition}".`);
    } else if (parent !== undefined && !this.#mayMeet(parent, type)) {
      const reason = `as objects of type "${parent.name}" can never be of type "${condition}"`;
      this.#report(fragment, `Fragment cannot be spread here ${reason}.`);
    }
  };

  spread = (spread: GraphqlNode, fragment: GraphqlNode | undefined, parent: GraphqlType | undefined): void => {
    const name = textOf(spread, 'Name');
    this.#spread.add(name);
    if (fragment === undefined) {
      this.#report(spread, `Unknown fragment "${name}".`);
      return;
    }
    const condition = textOf(fragment, 'TypeCondition');
    const type = this.#schema.types.get(condition);
    if (type === undefined || parent === undefined || !isComposite(type) || this.#mayMeet(parent, type)) return;
    const reason = `as objects of type "${parent.name}" can never be of type "${condition}"`;
    this.#report(spread, `Fragment "${name}" cannot be spread here ${reason}.`);
  };

  /** Whether an object may be of both types. */
  #mayMeet(parent: GraphqlType, type: GraphqlType): boolean {
    if (!isComposite(parent)) return true;
    const possible = new Set((this.#schema.possibleTypes.get(parent.name) ?? []).map((each) => each.name));
    return (this.#schema.possibleTypes.get(type.name) ?? []).some((each) => possible.has(each.name));
  }

  operation = (operation: GraphqlNode, used: ReadonlySet<string>): void => {
    const kind = textOf(operation, 'Operation');
    const name = textOf(operation, 'Name');
    const root = this.#schema.roots[kind === 'mutation' || kind === 'subscription' ? kind : 'query'];
    if (root === undefined) this.#report(operation, `Schema does not support operation type "${kind}"`);
    if (name === '' && nodesOf(this.#document, 'Operations').length > 1) {
      this.#report(operation, 'This anonymous operation must be the only defined operation.');
    }
    if (this.#operations.has(name)) this.#report(operation, `There can be only one operation named "${name}".`);
    this.#operations.add(name);
    this.#variables(operation, used);
    if (kind === 'subscription' && root !== undefined) this.#subscription(operation);
  };

  #variables(operation: GraphqlNode, used: ReadonlySet<string>): void {
    const definitions = nodesOf(operation, 'VariableDefinitions');
    const name = textOf(operation, 'Name');
    reportRepeated(definitions, 'Variable', (definition, variable) => {
      this.#report(definition, `There can be only one variable named "$${variable}".`);
    });
    for (const definition of definitions) {
      const variable = textOf(definition, 'Variable');
      if (!used.has(variable)) {
        const where = name === '' ? '' : ` in operation "${name}"`;
        this.#report(definition, `Variable "$${variable}" is never used${where}.`);
      }
      const type = this.#schema.types.get(typeName(nodeOf(definition, 'Type')));
      if (type !== undefined && !isInputType(type)) {
        this.#report(
          definition,
          `Variable "$${variable}" cannot be non-input type "${typeText(nodeOf(definition, 'Type'))}".`,
        );
      }
    }
  }

  #subscription(operation: GraphqlNode): void {
    const subject =
      textOf(operation, 'Name') === ''
        ? 'Anonymous Subscription'
        : `Subscription ${quoteText(textOf(operation, 'Name'))}`;
    const fields = new Map<string, GraphqlNode>();
    const collect = (node: GraphqlNode, seen: ReadonlySet<string>): void => {
      for (const selection of nodesOf(node, 'SelectionSet')) {
        const name = textOf(selection, 'Name');
        if (selection['Alias'] !== undefined) {
          if (!fields.has(name)) fields.set(name, selection);
        } else if (selection['TypeCondition'] !== undefined) collect(selection, seen);
        else {
          const fragment = named(nodesOf(this.#document, 'Fragments'), name);
          if (fragment !== undefined && !seen.has(name)) collect(fragment, new Set([...seen, name]));
        }
      }
    };
    collect(operation, new Set());
    const [, second] = fields.values();
    if (second !== undefined) this.#report(second, `${subject} must select only one top level field.`);
    for (const [name, field] of fields) {
      if (name.startsWith('__')) this.#report(field, `${subject} must not select an introspection top level field.`);
    }
  }

  fragment = (fragment: GraphqlNode, type: GraphqlType | undefined): void => {
    const name = textOf(fragment, 'Name');
    const condition = textOf(fragment, 'TypeCondition');
    if (type === undefined) {
      const hint = suggest('Did you mean', condition, [...this.#schema.types.keys()]);
      this.#report(fragment, `Unknown type "${condition}".${hint}`);
    } else if (!isComposite(type)) {
      this.#report(fragment, `Fragment "${name}" cannot condition on non composite type "${condition}".`);
    }
    if (!this.#spread.has(name)) this.#report(fragment, `Fragment "${name}" is never used.`);
    if (this.#fragments.has(name)) this.#report(fragment, `There can be only one fragment named "${name}".`);
    this.#fragments.add(name);
  };
}

function isComposite(type: GraphqlType): boolean {
  return type.kind === 'OBJECT' || type.kind === 'INTERFACE' || type.kind === 'UNION';
}

/** Reports a name that comes a second time, once. */
function reportRepeated(
  nodes: readonly GraphqlNode[],
  member: string,
  report: (node: GraphqlNode, name: string) => void,
): void {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    const name = textOf(node, member);
    const count = counts.get(name) ?? 0;
    if (count === 1) report(node, name);
    counts.set(name, count + 1);
  }
}

/** Fragments must not spread themselves, not even by way of others. */
function checkCycles(document: GraphqlNode, report: Report): void {
  const fragments = nodesOf(document, 'Fragments');
  const visited = new Set<string>();
  const path: GraphqlNode[] = [];
  const indexes = new Map<string, number>();
  const visit = (fragment: GraphqlNode): void => {
    const name = textOf(fragment, 'Name');
    if (visited.has(name)) return;
    visited.add(name);
    indexes.set(name, path.length);
    for (const spread of spreadsOf(fragment)) {
      const target = textOf(spread, 'Name');
      const start = indexes.get(target);
      path.push(spread);
      if (start === undefined) {
        const next = named(fragments, target);
        if (next !== undefined) visit(next);
      } else {
        const names = path.slice(start, -1).map((each) => `"${textOf(each, 'Name')}"`);
        const via = names.length === 0 ? '' : ` via ${names.join(', ')}`;
        report(spread, `Cannot spread fragment "${target}" within itself${via}.`);
      }
      path.pop();
    }
    indexes.delete(name);
  };
  for (const fragment of fragments) visit(fragment);
}

function spreadsOf(node: GraphqlNode): readonly GraphqlNode[] {
  return nodesOf(node, 'SelectionSet').flatMap((selection) => {
    const isSpread = selection['Alias'] === undefined && selection['TypeCondition'] === undefined;
    return isSpread ? [selection] : spreadsOf(selection);
  });
}
