import { parseJson } from '@edict/rego/values';
import type { Value } from '@edict/rego';

/** What the query string of the data API asks for besides the document. */
export interface DataFlags {
  readonly pretty: boolean;
  readonly provenance: boolean;
  readonly metrics: boolean;
  readonly strictBuiltinErrors: boolean;
  /** How an explanation is wanted, if it is. */
  readonly explain: ExplainMode | undefined;
}

export type ExplainMode = 'notes' | 'fails' | 'full' | 'debug';

/** What a request without a query asks for. */
export const NO_FLAGS: DataFlags = {
  pretty: false,
  provenance: false,
  metrics: false,
  strictBuiltinErrors: false,
  explain: undefined,
};

const EXPLAIN_MODES: readonly string[] = ['notes', 'fails', 'full', 'debug'] satisfies readonly ExplainMode[];

/** Reads the flags of a raw query string. As in OPA, a name alone is true, and what is not known is passed over. */
export function readDataFlags(query: string): DataFlags {
  if (query === '') return NO_FLAGS;
  const parameters = new URLSearchParams(query);
  return {
    pretty: isSet(parameters, 'pretty'),
    provenance: isSet(parameters, 'provenance'),
    metrics: isSet(parameters, 'metrics') || isSet(parameters, 'instrument'),
    strictBuiltinErrors: isSet(parameters, 'strict-builtin-errors'),
    explain: parameters.getAll('explain').find(isExplainMode),
  };
}

/** Whether a flag of a raw query string is set. */
export function isFlagSet(query: string, name: string): boolean {
  return query !== '' && isSet(new URLSearchParams(query), name);
}

function isSet(parameters: URLSearchParams, name: string): boolean {
  const values = parameters.getAll(name);
  return (values.length === 1 && values[0] === '') || values.some((value) => value.toLowerCase() === 'true');
}

function isExplainMode(text: string): text is ExplainMode {
  return EXPLAIN_MODES.includes(text);
}

export type QueryInput =
  { readonly ok: true; readonly input: Value | undefined } | { readonly ok: false; readonly message: string };

const NO_INPUT: QueryInput = { ok: true, input: undefined };

/** The input document that `?input=` gives; of several the last. `undefined` where there is none. */
export function readQueryInput(query: string): QueryInput {
  if (query === '') return NO_INPUT;
  const text = new URLSearchParams(query).getAll('input').at(-1);
  if (text === undefined) return NO_INPUT;
  const parsed = parseJson(text);
  return parsed.ok
    ? { ok: true, input: parsed.value }
    : { ok: false, message: `parameter contains malformed input document: ${parsed.problem.message}` };
}

/** What is wrong with a path that {@link readPath} does not read. */
export const BAD_ESCAPE = 'malformed percent-escape, or one of what is no UTF-8';

/** The parts of a document's path, percent-decoded one by one; undefined if an escape is malformed. Empty parts do not count. */
export function readPath(escaped: string): readonly string[] | undefined {
  const parts = escaped.split('/').filter((part) => part !== '');
  if (!escaped.includes('%')) return parts;
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return undefined; // decodeURIComponent throws for nothing but escapes that are none
  }
}
