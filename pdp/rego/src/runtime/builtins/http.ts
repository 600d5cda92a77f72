import type { BuiltinFamily } from './builtin.ts';
import { requestOperand } from './http-request.ts';
import { builtinError } from './operands.ts';

/** `http.send` checks its request and then refuses it: evaluation is pure, and reaches no network. */
export const http: BuiltinFamily = {
  'http.send': (ctx, request) =>
    requestOperand(ctx, request) === undefined ? undefined : builtinError(ctx, 'network access is not allowed'),
};
