import type { Problem } from '../wire.ts';

/** Every problem of the console's API, with its status and title. */
export const PROBLEMS = {
  'invalid-request': [400, 'The request is wrong'],
  unauthenticated: [401, 'Who asks is not known'],
  forbidden: [403, 'This user may not do that'],
  'not-found': [404, 'There is no such thing'],
  'method-not-allowed': [405, 'That cannot be done here'],
  conflict: [409, 'Not in this state'],
  'body-too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The body is of another type'],
  'too-many-requests': [429, 'Too many requests'],
  internal: [500, 'A fault of the operator'],
  'not-leading': [503, 'This replica does not lead'],
  unavailable: [503, 'Not to be had at present'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;
export type ProblemCode = keyof typeof PROBLEMS;

/** What a request ends with instead of an answer. The message is sent. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly leader: string | undefined;

  constructor(
    code: ProblemCode,
    message: string,
    options: { readonly leader?: string; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.leader = options.leader;
  }
}

/** The body of a problem. */
export function problemOf({ code, message, leader }: ProblemError): Problem {
  const [status, title] = PROBLEMS[code];
  return {
    type: `urn:edict:problem:${code}`,
    title,
    status,
    detail: message,
    ...(leader === undefined ? {} : { leader }),
  };
}
