import type { Outcome } from '@edict/rego';
import { toJson } from '@edict/rego/values';
import type { Allowed, CheckAnswer, CheckProblem, Denied, HeaderEntry } from './check-answer.ts';
import { isJsonObject, memberOf, type JsonObject } from './json-object.ts';

/** What a rule's result means, or why it means nothing. */
export type RuleResult =
  | {
      readonly ok: true;
      readonly answer: CheckAnswer;
      /** Metadata that the policy gives to Envoy's other filters. */
      readonly metadata: Readonly<JsonObject> | undefined;
    }
  | { readonly ok: false; readonly problem: CheckProblem; readonly message: string };

const ALLOWED: RuleResult = { ok: true, answer: { allow: true, changes: undefined }, metadata: undefined };
const DENIED: RuleResult = { ok: true, answer: { allow: false, reply: undefined }, metadata: undefined };
const NO_CHANGES: Allowed = {
  allow: true,
  changes: { headers: [], headersToRemove: [], responseHeaders: [], queryToSet: [], queryToRemove: [] },
};
const FORBIDDEN = 403;
/** Envoy takes no message that nests more than 100 times, and a level of metadata is three messages. */
export const MAX_METADATA_DEPTH = 30;

/** Reads the result of a rule as the OPA-Envoy plugin does: a boolean, or an object with a boolean `allowed`. Never throws. */
export function readRuleResult(outcome: Outcome): RuleResult {
  switch (outcome.kind) {
    case 'undefined':
      return { ok: false, problem: 'undefined-result', message: 'the rule is undefined' };
    case 'error':
      return { ok: false, problem: 'evaluation-failed', message: `${outcome.code}: ${outcome.message}` };
    case 'value':
      if (outcome.value === true) return ALLOWED;
      if (outcome.value === false) return DENIED;
      return readObject(toJson(outcome.value));
    default:
      return outcome satisfies never;
  }
}

/** A result that means nothing; never leaves this file. */
class UnreadableResult extends Error {}

function readObject(value: unknown): RuleResult {
  try {
    if (!isJsonObject(value)) throw new UnreadableResult('the result is neither a boolean nor an object');
    const allowed = memberOf(value, 'allowed');
    if (typeof allowed !== 'boolean') throw new UnreadableResult('allowed is missing or no boolean');
    const metadata = memberOf(value, 'dynamic_metadata');
    if (metadata !== undefined && !isJsonObject(metadata)) throw new UnreadableResult('dynamic_metadata is no object');
    if (!nestsAtMost(metadata, MAX_METADATA_DEPTH)) throw new UnreadableResult('dynamic_metadata nests too deeply');
    return { ok: true, answer: allowed ? allowedBy(value) : deniedBy(value), metadata };
  } catch (error) {
    if (!(error instanceof UnreadableResult)) throw error;
    return { ok: false, problem: 'unreadable-result', message: error.message };
  }
}

function allowedBy(result: Readonly<JsonObject>): Allowed {
  // Most say nothing more.
  if (Object.keys(result).length === 1) return NO_CHANGES;
  return {
    allow: true,
    changes: {
      headers: headersIn(result, 'headers'),
      headersToRemove: namesIn(result, 'request_headers_to_remove', isHeaderName),
      responseHeaders: headersIn(result, 'response_headers_to_add'),
      queryToSet: queryIn(result),
      queryToRemove: namesIn(result, 'query_parameters_to_remove', () => true),
    },
  };
}

function deniedBy(result: Readonly<JsonObject>): Denied {
  const { http_status: status = FORBIDDEN, body = '' } = result;
  if (typeof status !== 'number' || !STATUSES.has(status))
    throw new UnreadableResult('http_status is no status of HTTP');
  if (typeof body !== 'string') throw new UnreadableResult('body is no string');
  return { allow: false, reply: { status, headers: headersIn(result, 'headers'), body } };
}

/** Statuses that both Envoy and the OPA-Envoy plugin know. */
const STATUSES: ReadonlySet<number> = new Set([
  ...[100, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308],
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417],
  ...[421, 422, 423, 424, 426, 428, 429, 431, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
]);

/** Headers as an object, or as a list of objects; a value is a string or a list of strings. */
function headersIn(result: Readonly<JsonObject>, name: string): readonly HeaderEntry[] {
  const value = memberOf(result, name);
  if (value === undefined) return [];
  const objects: readonly unknown[] = Array.isArray(value) ? value : [value];
  return objects.flatMap((object) => {
    const entries = entriesOf(object, name);
    for (const [header, text] of entries) {
      // What is no header could end one and begin another: nothing of such a result is to be trusted.
      if (!isHeaderName(header)) throw new UnreadableResult(`${name} has a name that is none of a header`);
      if (!isHeaderValue(text)) throw new UnreadableResult(`${name} has a value that is none of a header: '${header}'`);
    }
    return entries;
  });
}

function queryIn(result: Readonly<JsonObject>): readonly HeaderEntry[] {
  const value = memberOf(result, 'query_parameters_to_set');
  return value === undefined ? [] : entriesOf(value, 'query_parameters_to_set');
}

function entriesOf(object: unknown, where: string): readonly HeaderEntry[] {
  if (!isJsonObject(object)) throw new UnreadableResult(`${where} is no object`);
  return Object.entries(object).flatMap(([name, value]): readonly HeaderEntry[] => {
    if (typeof value === 'string') return [[name, value]];
    if (!isStrings(value)) throw new UnreadableResult(`${where} has a value that is no string: '${name}'`);
    return value.map((one) => [name, one] as const);
  });
}

function namesIn(result: Readonly<JsonObject>, where: string, isName: (name: string) => boolean): readonly string[] {
  const value = memberOf(result, where);
  if (value === undefined) return [];
  if (!isStrings(value) || !value.every(isName)) throw new UnreadableResult(`${where} is no list of names`);
  return value;
}

function nestsAtMost(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((member) => nestsAtMost(member, depth - 1));
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** A token of HTTP, or a pseudo header, which Envoy passes over. */
function isHeaderName(name: string): boolean {
  return /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name);
}

function isHeaderValue(value: string): boolean {
  // RFC 9110, section 5.5: no control characters but the tab. Nobody could send them on, and a deny has to arrive.
  return !/[\x00-\x08\x0a-\x1f\x7f]/.test(value);
}
