import { toJson } from '../json.ts';
import { isObject, isPlainObject, type Value } from '../value.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { BuiltinContext, BuiltinFamily } from './builtin.ts';
import { GraphqlProblem } from './graphql-parser.ts';
import type { GraphqlPosition } from './graphql-lexer.ts';
import type { GraphqlNode } from './graphql-node.ts';
import { checkGraphqlQuery } from './graphql-query-check.ts';
import { parseGraphqlQuery } from './graphql-query-parser.ts';
import { buildGraphqlSchema, type GraphqlSchema } from './graphql-schema.ts';
import { parseGraphqlSchema } from './graphql-schema-parser.ts';
import { builtinError, typeError } from './operands.ts';

/** GraphQL documents as JSON, with the member names of the Go library gqlparser. */
export const graphql: BuiltinFamily = {
  'graphql.parse_query': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const document = attempt(() => parseGraphqlQuery(text));
    return document.ok ? document.value : builtinError(ctx, document.message);
  },
  'graphql.parse_schema': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const document = attempt(() => parseGraphqlSchema(text));
    return document.ok ? document.value : builtinError(ctx, document.message);
  },
  'graphql.schema_is_valid': (_ctx, schema) => schemaOperand(schema)?.ok === true,
  'graphql.is_valid': (_ctx, query, schema) => check(query, schema)?.ok === true,
  'graphql.parse': (ctx, query, schema) => {
    const checked = check(query, schema);
    if (checked?.ok === true) return [...checked.value];
    return checked === undefined ? wrongOperand(ctx, query, schema) : builtinError(ctx, checked.message);
  },
  'graphql.parse_and_verify': (_ctx, query, schema) => {
    const checked = check(query, schema);
    return checked?.ok === true ? [true, ...checked.value] : [false, {}, {}];
  },
};

/** How many schemas a process keeps (twice as many for a short time); only those given as text. */
export const GRAPHQL_CACHE_SIZE = 100;

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

interface Parsed {
  readonly document: GraphqlNode;
  readonly schema: GraphqlSchema;
}

const cache = new BoundedCache<string, Attempt<Parsed>>(GRAPHQL_CACHE_SIZE);

function attempt<T>(compute: () => T, describe = describeProblem): Attempt<T> {
  try {
    return { ok: true, value: compute() };
  } catch (error) {
    if (error instanceof GraphqlProblem) return { ok: false, message: describe(error.message, error.position) };
    throw error;
  }
}

/** Where OPA says that a problem is; a full stop at the end gives way to the place. */
function describeProblem(message: string, position: GraphqlPosition | undefined): string {
  if (position === undefined) return `GraphQL parse error: input: ${message}`;
  return `${message} in GraphQL string at location ${String(position.line)}:${String(position.column)}`;
}

function describeSchemaProblem(message: string, position: GraphqlPosition | undefined): string {
  const where = position === undefined ? '' : `:${String(position.line)}:${String(position.column)}`;
  return `Error in gqlparser SchemaDocument to Schema conversion: input${where}: ${message}`;
}

/** The document of an operand, given as text or as JSON; undefined for other operands. */
function documentOperand(operand: Value, parse: (text: string) => GraphqlNode): Attempt<GraphqlNode> | undefined {
  if (typeof operand === 'string') return attempt(() => parse(operand));
  if (!isObject(operand)) return undefined;
  const document = toJson(operand);
  return isPlainObject(document) ? { ok: true, value: document } : undefined;
}

function schemaOperand(operand: Value): Attempt<Parsed> | undefined {
  const known = typeof operand === 'string' ? cache.get(operand) : undefined;
  if (known !== undefined) return known;
  const document = documentOperand(operand, parseGraphqlSchema);
  if (document?.ok !== true) return document;
  const { value } = document;
  const parsed = attempt(() => ({ document: value, schema: buildGraphqlSchema(value) }), describeSchemaProblem);
  if (typeof operand === 'string') cache.set(operand, parsed);
  return parsed;
}

/** Query and schema as documents, if the query is valid; undefined if an operand is neither text nor object. */
function check(query: Value, schema: Value): Attempt<readonly [GraphqlNode, GraphqlNode]> | undefined {
  const document = documentOperand(query, parseGraphqlQuery);
  if (document?.ok !== true) return document;
  const parsed = schemaOperand(schema);
  if (parsed?.ok !== true) return parsed;
  const problems = checkGraphqlQuery(parsed.value.schema, document.value);
  const [first, ...rest] = problems;
  if (first === undefined) return { ok: true, value: [document.value, parsed.value.document] };
  // The messages of the others follow, each on a line of its own.
  const lines = rest.map(({ message, position }) => {
    const where = position === undefined ? '' : `:${String(position.line)}:${String(position.column)}`;
    return `\ninput${where}: ${message}`;
  });
  return { ok: false, message: describeProblem((first.message + lines.join('')).replace(/\.$/, ''), first.position) };
}

function wrongOperand(ctx: BuiltinContext, query: Value, schema: Value): undefined {
  const isQueryWrong = typeof query !== 'string' && !isObject(query);
  return isQueryWrong ? typeError(ctx, 0, query, 'string', 'object') : typeError(ctx, 1, schema, 'string', 'object');
}
