/** A header, with one of its values. */
export type HeaderEntry = readonly [name: string, value: string];

/** What becomes of a request, whichever way Envoy asked. */
export type CheckAnswer = Allowed | Denied;

export interface Allowed {
  readonly allow: true;
  /** Undefined where the policy said nothing but that. */
  readonly changes: RequestChanges | undefined;
}

/** What is changed in a request that passes, and in the answer to it. */
export interface RequestChanges {
  /** Headers for the upstream; they replace those of the client. */
  readonly headers: readonly HeaderEntry[];
  readonly headersToRemove: readonly string[];
  readonly responseHeaders: readonly HeaderEntry[];
  readonly queryToSet: readonly HeaderEntry[];
  readonly queryToRemove: readonly string[];
}

export interface Denied {
  readonly allow: false;
  /** A text for the status of the call. */
  readonly message?: string;
  /** Undefined where the policy said nothing but that: Envoy answers 403. */
  readonly reply: DeniedReply | undefined;
}

/** What the client gets. */
export interface DeniedReply {
  readonly status: number;
  readonly headers: readonly HeaderEntry[];
  readonly body: string;
}

/** Why a request was denied by no policy. Part of the dynamic metadata, and label of metrics. */
export const CHECK_PROBLEMS = [
  'request-unreadable',
  'undefined-result',
  'evaluation-failed',
  'unreadable-result',
  'mapper-undefined',
  'mapper-failed',
  'porc-unreadable',
] as const;
export type CheckProblem = (typeof CHECK_PROBLEMS)[number];
