/** `GRANT` or `DENY`, as access records spell them. */
export type Verdict = 'GRANT' | 'DENY';

/** The phase that a reference belongs to; `SYSTEM` is the operation phase. */
export type Phase = 'SYSTEM' | 'IDENTITY' | 'RESOURCE' | 'SCOPE';

/**
 * Why a reference has its verdict. `POLICY_OUTCOME`: the policy said so. `NOTFOUND_ERROR`: nothing has that id.
 * `UNKNOWN_ERROR`: the entity's policy does not resolve, or the policy's value has the wrong type.
 * `EVALUATION_ERROR`: the policy is undefined or failed. `INVALPARAM_ERROR`: the request cannot be put to a policy.
 */
export type ReasonCode =
  'POLICY_OUTCOME' | 'NOTFOUND_ERROR' | 'UNKNOWN_ERROR' | 'EVALUATION_ERROR' | 'INVALPARAM_ERROR';

/** Why the operation phase granted on its own; `NOT_GRANTED` stands for every positive result but 1, 2 and 3. */
export type GrantReason = 'PUBLIC' | 'VISITOR' | 'ANTI_LOCKOUT' | 'NOT_GRANTED';

/** Why the operation phase denied on its own; `NOT_DENIED` stands for every negative result but -1 and -2. */
export type DenyReason = 'JWT_REQUIRED' | 'OPERATOR_REQUIRED' | 'NOT_DENIED';

/** A policy as records name it. `fingerprint` is base64 of SHA-256 over the policy's identity and sources. */
export interface PolicyIdentity {
  readonly mrn: string;
  readonly fingerprint: string;
}

/** Which revision of which PolicySet decided. */
export interface RevisionIdentity {
  readonly set: string;
  readonly revision: number;
  readonly digest: string;
}

/** One consulted entity: an operation, role, group, resource group, resource or scope. */
export interface AccessReference {
  readonly phase: Phase;
  /** The operation, or the entity's id as the request or the domain wrote it. May be empty. */
  readonly id: string;
  /** Absent when no policy was found. */
  readonly policy: PolicyIdentity | undefined;
  readonly decision: Verdict;
  readonly reasonCode: ReasonCode;
  /** Free text for people; empty for `POLICY_OUTCOME`. */
  readonly reason: string;
  /** How long the policy ran, in ns; 0 when none ran or its result was already known. */
  readonly durationNs: number;
}

/** Durations of the phases that ran, in ns. */
export interface PhaseDurations {
  readonly system: number | undefined;
  readonly identity: number | undefined;
  readonly resource: number | undefined;
  readonly scope: number | undefined;
}

/**
 * What was decided, on what, and by what. `porc` shares structure with the request and with the snapshot: render or
 * clone the record before the request object is changed.
 */
export interface AccessRecord {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly subject: string;
  readonly realm: string;
  readonly operation: string;
  readonly resource: string;
  readonly decision: Verdict;
  readonly references: readonly AccessReference[];
  /** The realised PORC, the very input of the policies; absent when it could not be made. */
  readonly porc: unknown;
  /** Whether the operation phase decided alone. */
  readonly systemOverride: boolean;
  readonly grantReason: GrantReason | undefined;
  readonly denyReason: DenyReason | undefined;
  readonly durationNs: number;
  readonly phaseDurations: PhaseDurations;
  /** Audit values from configuration, the same for every record. */
  readonly env: Readonly<Record<string, string>> | undefined;
  readonly revision: RevisionIdentity | undefined;
}
