import { stringify } from '@edict/rego/values';
import type { Outcome, Value } from '@edict/rego';
import type { Refusal, Session } from '../../core/session.ts';
import { PROBLEMS, type Reply } from '../reply.ts';
import { refusalReply } from '../route.ts';
import { jsonHeadersOf } from '../session-headers.ts';

/** The codes of OPA's error bodies that we answer with. */
export type OpaErrorCode =
  | 'invalid_parameter'
  | 'invalid_operation'
  | 'resource_not_found'
  | 'undefined_document'
  | 'internal_error'
  | 'not_implemented';

/** An error in OPA's form. `errors` are those of the evaluation. */
export function opaError(
  status: number,
  code: OpaErrorCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
  errors?: readonly object[],
): Reply {
  const body = { code, message, ...(errors === undefined ? {} : { errors }) };
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: `${printed(body, true)}\n` };
}

/** A refusal as an error that OPA's clients can read, with the members of our problem document beside. */
export function opaRefusal(refusal: Refusal): Reply {
  const { status } = PROBLEMS[refusal.problem];
  const code: OpaErrorCode =
    status === 404 ? 'resource_not_found' : status >= 500 ? 'internal_error' : 'invalid_parameter';
  const reply = refusalReply(refusal);
  const problem = JSON.parse(reply.body) as object;
  return {
    status,
    headers: { ...reply.headers, 'content-type': 'application/json' },
    body: `${printed({ code, message: refusal.detail, ...problem }, true)}\n`,
  };
}

/** What an evaluation failed with. */
export function opaEvaluationError(session: Session, outcome: Extract<Outcome, { readonly kind: 'error' }>): Reply {
  const { code, message, location } = outcome;
  const place =
    location === undefined ? {} : { location: { file: location.file, row: location.row, col: location.col } };
  const errors = [{ code, message, ...place }];
  return opaError(500, 'internal_error', 'error(s) occurred while evaluating query', session.headers, errors);
}

/** A Rego value as OPA prints it as a whole answer. */
export function valueReply(session: Session, value: Value, pretty: boolean): Reply {
  return { status: 200, headers: jsonHeadersOf(session), body: `${printedValue(value, pretty, '')}\n` };
}

/** What an answer of the data API has besides its decision id and its result. */
export interface DataMembers {
  readonly provenance?: object | undefined;
  readonly explanation?: readonly object[] | undefined;
  readonly metrics?: object | undefined;
  readonly warning?: object | undefined;
}

const NO_MEMBERS: DataMembers = {};

/** An answer of the data API. `result` is `undefined` where the document is. Members come in the order of OPA's. */
export function dataReply(
  session: Session,
  decisionId: string,
  result: Value | undefined,
  members: DataMembers = NO_MEMBERS,
  pretty = false,
): Reply {
  const id = JSON.stringify(decisionId);
  let body: string;
  if (members === NO_MEMBERS && !pretty) {
    body = `{"decision_id":${id}${result === undefined ? '' : `,"result":${printedValue(result, false, '')}`}}\n`;
  } else {
    const { provenance, explanation, metrics, warning } = members;
    const parts = [
      ['decision_id', id],
      ...[...memberText('provenance', provenance, pretty), ...memberText('explanation', explanation, pretty)],
      ...memberText('metrics', metrics, pretty),
      ...(result === undefined ? [] : [['result', printedValue(result, pretty, pretty ? '  ' : '')]]),
      ...memberText('warning', warning, pretty),
    ];
    body = pretty
      ? `{\n${parts.map(([name, text]) => `  "${name}": ${text}`).join(',\n')}\n}\n`
      : `{${parts.map(([name, text]) => `"${name}":${text}`).join(',')}}\n`;
  }
  return { status: 200, headers: jsonHeadersOf(session), body };
}

/** A member with its text, indented as it stands in a whole that is; none for one that is not there. */
function memberText(
  name: string,
  value: object | undefined,
  pretty: boolean,
): readonly (readonly [name: string, text: string])[] {
  if (value === undefined) return [];
  const text = printed(value, pretty);
  return [[name, pretty ? text.replaceAll('\n', '\n  ') : text]];
}

function printedValue(value: Value, pretty: boolean, prefix: string): string {
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return stringify(value, pretty ? { escapeHtml: true, indentation: { prefix, indent: '  ' } } : { escapeHtml: true });
}

/** Plain JSON with members in their own order, escaped as Go escapes it. */
function printed(value: unknown, pretty: boolean): string {
  return JSON.stringify(value, undefined, pretty ? 2 : undefined).replace(/[<>&\u2028\u2029]/g, escaped);
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
