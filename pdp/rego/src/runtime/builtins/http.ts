import { parseJson } from '../json.ts';
import { getIndex, setMember, type ObjectValue, type Value } from '../value.ts';
import type { HttpResponse, NetworkFailure } from '../../network/port.ts';
import type { BuiltinContext, BuiltinErrorCode, BuiltinFamily } from './builtin.ts';
import { readRequest, requestText, timeoutText } from './http-request.ts';
import { builtinError, objectOperand } from './operands.ts';
import { decodeUtf8 } from './utf8.ts';
import { readYaml } from './yaml-read.ts';

/** Largest request where nobody may send one: its bounds are checked all the same. */
const MAX_UNSENT_BYTES = 1_048_576;

/**
 * `http.send` reads its request and asks the evaluation's network session for the answer. With `raise_error: false` a
 * failure is a response of status 0 that carries the error; what the policy does wrong counts as `internal`.
 */
export const http: BuiltinFamily = {
  'http.send': (ctx, operand) => {
    const object = objectOperand(ctx, operand, 1);
    if (object === undefined) return undefined;
    const raises = getIndex(object, 'raise_error') ?? true;
    if (typeof raises !== 'boolean') return builtinError(ctx, 'invalid value for raise_error field');
    const { network } = ctx;
    const read = readRequest(object, network?.maxRequestBytes ?? MAX_UNSENT_BYTES);
    if (!read.ok) {
      const { code, message, isNetwork } = read.problem;
      if (raises) return ctx.fail(code, () => message);
      return failedResponse(isNetwork ? 'network' : 'internal', reported(code, message));
    }
    const refusal = refusalOf(ctx);
    if (refusal !== undefined) return raises ? raised(ctx, refusal) : failedResponse('internal', refusal);
    const answer = network?.send(read.request);
    if (answer === undefined) return undefined;
    if (answer.ok) return network?.valueOf(answer, () => responseValue(answer.response, object));
    const { failure } = answer;
    return raises ? raised(ctx, raisedText(failure)) : failedResponse(failure.kind, failureText(failure));
  },
};

function refusalOf(ctx: BuiltinContext): string | undefined {
  if (ctx.network === undefined) return 'network access is not allowed';
  return ctx.network.allows('http.send') ? undefined : 'http.send is not among the built-ins that are allowed';
}

function raised(ctx: BuiltinContext, message: string): undefined {
  ctx.network?.failed('http.send', message);
  return builtinError(ctx, message);
}

function failureText(failure: NetworkFailure): string {
  return failure.kind === 'internal' ? failure.message : requestText(failure.method, failure.url, failure.message);
}

/** Who raises a time-out gets no details of it. */
function raisedText(failure: NetworkFailure): string {
  const isTimeout = failure.kind === 'network' && failure.timedOut;
  return isTimeout ? timeoutText(failure.method, failure.url) : failureText(failure);
}

/** OPA shows errors in the operand's form with code and name. */
function reported(code: BuiltinErrorCode, message: string): string {
  return code === 'eval_type_error' ? `${code}: http.send: ${message}` : message;
}

function failedResponse(kind: 'network' | 'internal', message: string): Value {
  return { status_code: 0, error: { code: `eval_http_send_${kind}_error`, message } };
}

function responseValue({ status, statusCode, headers, body }: HttpResponse, request: ObjectValue): Value {
  const text = decodeUtf8(body);
  const lines: Record<string, string[]> = {};
  for (const [name, value] of headers) {
    const known = Object.hasOwn(lines, name.toLowerCase()) ? lines[name.toLowerCase()] : undefined;
    if (known === undefined) setMember(lines, name.toLowerCase(), [value]);
    else known.push(value);
  }
  const type = lines['content-type']?.[0] ?? '';
  return { status, status_code: statusCode, body: decodedBody(text, type, request), raw_body: text, headers: lines };
}

/** The body as JSON or YAML, if it is said to be; null if it is not. */
function decodedBody(text: string, type: string, request: ObjectValue): Value {
  if (getIndex(request, 'force_json_decode') === true || isJsonType(type)) {
    const parsed = parseJson(text);
    if (parsed.ok) return parsed.value;
    // OPA reads one value, and does not mind what follows.
    const { message, offset } = parsed.problem;
    const first = message.endsWith(' after top-level value') ? parseJson(text.slice(0, offset)) : parsed;
    return first.ok ? first.value : null;
  }
  if (getIndex(request, 'force_yaml_decode') === true || /application\/(?:x-)?yaml/.test(type)) {
    const parsed = readYaml(text);
    return parsed.ok ? parsed.value : null;
  }
  return null;
}

function isJsonType(type: string): boolean {
  return /^application\/(?:[^/;\s]+\+)?json\s*(?:;|$)/i.test(type.trim());
}
