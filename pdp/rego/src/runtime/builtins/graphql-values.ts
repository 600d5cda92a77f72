import { isNonNull, named, nodeOf, nodesOf, textOf, typeText, valueKind, type GraphqlNode } from './graphql-node.ts';
import type { GraphqlType } from './graphql-schema.ts';
import { suggest } from './graphql-suggestions.ts';
import type { ValuePlace } from './graphql-walk.ts';
import { quoteText } from './text.ts';

/** Takes a message about a node. */
export type Report = (node: GraphqlNode, message: string) => void;

const SCALARS: ReadonlySet<string> = new Set(['Int', 'Float', 'String', 'Boolean', 'ID']);

/** Reports a value that its place does not allow. */
export function checkValue({ value, expected, type }: ValuePlace, report: Report): void {
  if (type === undefined || expected === undefined) return;
  const kind = valueKind(value);
  const expectedText = typeText(expected);
  if (kind === 'Null' && isNonNull(expected)) {
    report(value, `Expected value of type "${expectedText}", found ${valueText(value)}.`);
  }
  if (type.kind === 'SCALAR' && !SCALARS.has(type.name)) return;
  const isOneOf = (...names: readonly string[]): boolean => names.includes(type.name);
  const unexpected = (): void => {
    report(value, unexpectedMessage(value, expected, type));
  };
  switch (kind) {
    case 'Null':
    case 'Variable':
      return;
    case 'List':
      if (nodeOf(expected, 'Elem') === undefined) unexpected();
      return;
    case 'Int':
      if (!isOneOf('Int', 'Float', 'ID')) unexpected();
      return;
    case 'Float':
      if (!isOneOf('Float')) unexpected();
      return;
    case 'Boolean':
      if (!isOneOf('Boolean')) unexpected();
      return;
    case 'String':
    case 'Block':
      if (type.kind === 'ENUM') {
        const hint = suggest('Did you mean the enum value', textOf(value, 'Raw'), enumNames(type));
        report(value, `Enum "${expectedText}" cannot represent non-enum value: ${valueText(value)}.${hint}`);
      } else if (!isOneOf('String', 'ID')) unexpected();
      return;
    case 'Enum':
      if (type.kind !== 'ENUM') unexpected();
      else if (named(type.enumValues, textOf(value, 'Raw')) === undefined) {
        const hint = suggest('Did you mean the enum value', textOf(value, 'Raw'), enumNames(type));
        report(value, `Value "${valueText(value)}" does not exist in "${expectedText}" enum.${hint}`);
      }
      return;
    case 'Object':
      checkObject(value, type, report);
  }
}

function enumNames(type: GraphqlType): readonly string[] {
  return type.enumValues.map((each) => textOf(each, 'Name'));
}

function checkObject(value: GraphqlNode, type: GraphqlType, report: Report): void {
  const children = nodesOf(value, 'Children');
  for (const field of type.fields) {
    const fieldType = nodeOf(field, 'Type');
    const name = textOf(field, 'Name');
    const isMissing = named(children, name) === undefined && nodeOf(field, 'DefaultValue') === undefined;
    if (fieldType !== undefined && isNonNull(fieldType) && isMissing) {
      report(value, `Field "${type.name}.${name}" of required type "${typeText(fieldType)}" was not provided.`);
    }
  }
  if (named(type.directives, 'oneOf') !== undefined) {
    const only = children[0] && nodeOf(children[0], 'Value');
    if (children.length !== 1) report(value, `OneOf Input Object "${type.name}" must specify exactly one key.`);
    else if (only === undefined || valueKind(only) === 'Null') {
      const first = type.fields[0];
      report(
        only ?? value,
        `Field "${type.name}.${first === undefined ? '' : textOf(first, 'Name')}" must be non-null.`,
      );
    }
  }
  for (const child of children) {
    const name = textOf(child, 'Name');
    if (named(type.fields, name) !== undefined) continue;
    const hint = suggest(
      'Did you mean',
      name,
      type.fields.map((field) => textOf(field, 'Name')),
    );
    report(child, `Field "${name}" is not defined by type "${type.name}".${hint}`);
  }
}

function unexpectedMessage(value: GraphqlNode, expected: GraphqlNode, type: GraphqlType): string {
  const text = valueText(value);
  switch (typeText(expected).replace(/!$/, '')) {
    case 'Int': {
      const raw = textOf(value, 'Raw');
      const isTooLarge = /^-?\d+$/.test(raw) && BigInt.asIntN(32, BigInt(raw)) !== BigInt(raw);
      return `Int cannot represent ${isTooLarge ? 'non 32-bit signed integer' : 'non-integer'} value: ${text}`;
    }
    case 'String':
    case '[String]':
      return `String cannot represent a non string value: ${text}`;
    case 'Boolean':
      return `Boolean cannot represent a non boolean value: ${text}`;
    case 'Float':
      return `Float cannot represent non numeric value: ${text}`;
    case 'ID':
      return `ID cannot represent a non-string and non-integer value: ${text}`;
    default:
      if (type.kind === 'ENUM') return `Enum "${typeText(expected)}" cannot represent non-enum value: ${text}.`;
      return `Expected value of type "${typeText(expected)}", found ${text}.`;
  }
}

/** A value as GraphQL text. */
export function valueText(value: GraphqlNode): string {
  const raw = textOf(value, 'Raw');
  switch (valueKind(value)) {
    case 'Variable':
      return `$${raw}`;
    case 'String':
    case 'Block':
      return quoteText(raw);
    case 'List':
      return `[${childTexts(value).join(',')}]`;
    case 'Object':
      return `{${nodesOf(value, 'Children')
        .map((child, index) => `${textOf(child, 'Name')}:${childTexts(value)[index] ?? ''}`)
        .join(',')}}`;
    default:
      return raw;
  }
}

function childTexts(value: GraphqlNode): readonly string[] {
  return nodesOf(value, 'Children').map((child) => {
    const inner = nodeOf(child, 'Value');
    return inner === undefined ? '' : valueText(inner);
  });
}
