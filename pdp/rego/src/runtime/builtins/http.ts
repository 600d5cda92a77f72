import { getIndex, type Value } from '../value.ts';
import type { BuiltinFamily } from './builtin.ts';
import { requestOperand } from './http-request.ts';
import { builtinError } from './operands.ts';

const REFUSED = 'network access is not allowed';

/**
 * `http.send` checks its request and then refuses it: evaluation is pure, and reaches no network. With `raise_error: false`
 * the refusal is a response of status 0 that carries the error, as OPA gives it for a host that cannot be reached.
 */
export const http: BuiltinFamily = {
  'http.send': (ctx, request) => {
    const object = requestOperand(ctx, request);
    if (object === undefined) return undefined;
    return getIndex(object, 'raise_error') === false ? refusedResponse() : builtinError(ctx, REFUSED);
  },
};

function refusedResponse(): Value {
  return { status_code: 0, error: { code: 'eval_http_send_network_error', message: REFUSED } };
}
