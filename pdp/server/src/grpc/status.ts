import type { Refusal } from '../core/session.ts';
import { PROBLEMS } from '../http/reply.ts';

/** The codes of gRPC that are used here, by their names. */
export const GRPC_CODES = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

export type GrpcCode = keyof typeof GRPC_CODES;

/** Why a call has no answer. */
export interface GrpcFailure {
  readonly kind: 'failure';
  readonly code: GrpcCode;
  readonly message: string;
  /** Further trailers, by lower-case name. */
  readonly trailers?: Readonly<Record<string, string>>;
}

/** A call that fails. */
export function failure(code: GrpcCode, message: string, trailers?: Readonly<Record<string, string>>): GrpcFailure {
  return { kind: 'failure', code, message, ...(trailers === undefined ? {} : { trailers }) };
}

/** The trailer that names the problem of a refusal. */
const PROBLEM_TRAILER = 'edict-problem';

/** A refusal as a failed call: never something that could be taken for a decision. */
export function refusalFailure({ problem, detail }: Refusal): GrpcFailure {
  return failure(codeOf(problem), detail, { [PROBLEM_TRAILER]: problem });
}

function codeOf(problem: Refusal['problem']): GrpcCode {
  const { status } = PROBLEMS[problem];
  switch (status) {
    case 400:
    case 413:
      return 'INVALID_ARGUMENT';
    case 404:
      return 'UNIMPLEMENTED';
    case 412:
      return 'FAILED_PRECONDITION';
    default:
      return 'UNAVAILABLE';
  }
}

/** A message as `grpc-message` takes it: printable ASCII, the rest percent-encoded. */
export function encodeMessage(message: string): string {
  let encoded = '';
  for (const byte of Buffer.from(message)) {
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout`; undefined where it is none. */
export function parseTimeout(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (UNIT_MS[unit] ?? 0);
}
