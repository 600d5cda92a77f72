import type { Value } from '@edict/rego';
import { memberOf, setMember, type JsonObject } from './json-object.ts';
import { parseBody } from './parsed-body.ts';
import { parseQuery, unescapePath } from './url-escape.ts';

const VERSION = { ext_authz: 'v3', encoding: 'protojson' };

/**
 * The input document that rules written for the OPA-Envoy plugin read: the attributes (JSON names) of a CheckRequest, and
 * what is parsed of them.
 * @throws RequestParseError if path, query or body cannot be read
 */
export function ruleInput(attributes: JsonObject | undefined): Value {
  const http = memberOf(memberOf(attributes, 'request'), 'http');
  const target = memberOf(http, 'path');
  const path = typeof target === 'string' ? target : '';
  const mark = path.indexOf('?');
  const { parsed, truncated } = parseBody(http);
  const input: JsonObject = attributes === undefined ? {} : { attributes };
  input['version'] = VERSION;
  input['parsed_path'] = partsOf(unescapePath(mark === -1 ? path : path.slice(0, mark)));
  input['parsed_query'] = queryOf(mark === -1 ? '' : path.slice(mark + 1));
  input['parsed_body'] = parsed;
  input['truncated_body'] = truncated;
  const principal = memberOf(memberOf(attributes, 'source'), 'principal');
  if (typeof principal === 'string') input['source_principal'] = principal;
  return input;
}

/** The parts of a path behind the slashes that it begins with. */
function partsOf(path: string): readonly string[] {
  let start = 0;
  while (path.startsWith('/', start)) start++;
  return path.slice(start).split('/');
}

function queryOf(query: string): JsonObject {
  const parameters: JsonObject = {};
  if (query === '') return parameters;
  for (const [name, values] of parseQuery(query)) setMember(parameters, name, values);
  return parameters;
}
