import { RegoNumber } from '@edict/rego/values';
import { denied, describeValue, failedEvaluation, failure, granted } from './evaluation.ts';
import type { DenyReason, GrantReason } from './access-record.ts';
import type { Evaluation, Finding, LoadedPolicy } from './evaluation.ts';

/** What the operation phase concludes. */
export interface OperationFinding extends Finding {
  /** Whether the decision is made here: a result other than 0, or an error. */
  readonly final: boolean;
  /** Whether the record shows the operation phase as the one that decided. */
  readonly override: boolean;
  readonly grantReason: GrantReason | undefined;
  readonly denyReason: DenyReason | undefined;
}

/**
 * Asks an operation's policy. Its value must be an integer written without fraction or exponent, of 64 bits: positive
 * grants finally, negative and every error deny finally, 0 leaves the decision to the other phases.
 */
export function askOperationPolicy(evaluation: Evaluation, policy: LoadedPolicy): OperationFinding {
  const outcome = evaluation.outcomeOf(policy);
  if (outcome.kind !== 'value') return operationFailure(failedEvaluation(outcome, policy));
  const { value } = outcome;
  if (typeof value !== 'number' && !(value instanceof RegoNumber)) {
    return operationFailure(failure('UNKNOWN_ERROR', `unexpected evaluation result: ${describeValue(value)}`));
  }
  const common = typeof value === 'number' ? commonResults.get(value) : undefined;
  if (common !== undefined) return common;
  const integer = int64(typeof value === 'number' ? String(value) : value.text);
  if (integer !== undefined) return operationResult(integer);
  return operationFailure(failure('UNKNOWN_ERROR', `${describeValue(value)} is not a 64-bit integer`));
}

/** An operation phase that could not reach a result: denied for good. */
export function operationFailure(finding: Finding): OperationFinding {
  return { ...finding, final: true, override: true, grantReason: undefined, denyReason: 'JWT_REQUIRED' };
}

const undecided: OperationFinding = {
  ...granted,
  final: false,
  override: false,
  grantReason: undefined,
  denyReason: undefined,
};

/** What a result means. Names go by the magnitude's low 32 bits; the value that reads -1 there has no name at all. */
export function operationResult(integer: bigint): OperationFinding {
  if (integer === 0n) return undecided;
  const positive = integer > 0n;
  const code = Number(BigInt.asIntN(32, positive ? integer : -integer));
  const override = code !== -1;
  return {
    ...(positive ? granted : denied),
    final: true,
    override,
    grantReason: positive && override ? (grantReasons[code] ?? 'NOT_GRANTED') : undefined,
    denyReason: !positive && override ? (denyReasons[code] ?? 'NOT_DENIED') : undefined,
  };
}

const grantReasons: Readonly<Record<number, GrantReason>> = { 1: 'PUBLIC', 2: 'VISITOR', 3: 'ANTI_LOCKOUT' };
const denyReasons: Readonly<Record<number, DenyReason>> = { 1: 'JWT_REQUIRED', 2: 'OPERATOR_REQUIRED' };

/** What policies mostly answer, worked out beforehand. */
const commonResults: ReadonlyMap<number, OperationFinding> = new Map(
  [-2, -1, 0, 1, 2, 3].map((integer) => [integer, operationResult(BigInt(integer))]),
);

/** The integer that a number's text is, if it is written as one and fits 64 bits. */
function int64(text: string): bigint | undefined {
  if (!/^-?\d{1,19}$/.test(text)) return undefined;
  const integer = BigInt(text);
  return BigInt.asIntN(64, integer) === integer ? integer : undefined;
}
