import { inSession } from '../core/in-session.ts';
import type { DecisionCore, Refusal } from '../core/session.ts';
import { entryOfCall } from '../grpc/entry-of-call.ts';
import type { GrpcCall, UnaryAnswer, UnaryMethod } from '../grpc/grpc-method.ts';
import { WireError } from '../grpc/protobuf-reader.ts';
import { failure, refusalFailure } from '../grpc/status.ts';
import { check, type CheckDeps, type CheckOutcome } from './check.ts';
import { decodeAttributes, readContextExtension } from './decode-check-request.ts';
import { encodeCheckResponse } from './encode-check-response.ts';

/** The context extension by which a route of Envoy chooses the set or virtual instance that decides. */
export const INSTANCE_EXTENSION = 'edict.dev/instance';

/** `envoy.service.auth.v3.Authorization`. */
export const AUTHORIZATION_SERVICE = 'envoy.service.auth.v3.Authorization';

/**
 * `Authorization/Check` of Envoy's API v3. Only an OK status in the answer lets a request pass. Where there is no policy, or no
 * answer can be given, the call fails, and Envoy does what its `failure_mode_allow` says.
 */
export function authorizationMethods(deps: CheckDeps): readonly UnaryMethod[] {
  const { core } = deps;
  const handle = (message: Buffer, call: GrpcCall): UnaryAnswer | Promise<UnaryAnswer> => {
    try {
      const entry = entryOfCall('envoy', call, message.length);
      const instance = readContextExtension(message, INSTANCE_EXTENSION) ?? entry.instance;
      const asked = inSession<CheckOutcome>(
        core,
        { ...entry, instance },
        (session) => check(deps, session, (style) => decodeAttributes(message, style)),
        (refusal) => refusal,
      );
      return asked instanceof Promise
        ? asked.then(answerOf, (error: unknown) => malformed(core, error))
        : answerOf(asked);
    } catch (error) {
      return malformed(core, error);
    }
  };
  return [{ kind: 'unary', path: `/${AUTHORIZATION_SERVICE}/Check`, label: 'Check', handle }];
}

function answerOf(outcome: CheckOutcome): UnaryAnswer {
  switch (outcome.kind) {
    case 'answered':
      return encodeCheckResponse(outcome.answer, outcome.metadata);
    case 'failed':
      return failure('UNKNOWN', outcome.message);
    case 'refused':
      return refusalFailure(outcome satisfies Refusal);
    default:
      return outcome satisfies never;
  }
}

/** @throws what is no malformed message */
function malformed(core: DecisionCore, error: unknown): UnaryAnswer {
  if (!(error instanceof WireError)) throw error;
  core.invalid('envoy');
  return failure('INVALID_ARGUMENT', `the message is no CheckRequest: ${error.message}`);
}
