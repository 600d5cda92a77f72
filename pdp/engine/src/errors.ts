import type { Problem } from '@edict/bundle';

/**
 * `InvalidDomains`: the domains do not form a snapshot. `InvalidPorc`: the request is not a JSON object. `AuditFailed`:
 * the decision's access record was refused, so that the decision is not given; `cause` tells why.
 */
export type PolicyEngineErrorCode = 'InvalidDomains' | 'InvalidPorc' | 'AuditFailed';

/** What the embeddable engine throws. Branch on `code`; `problems` is empty unless domains are invalid. */
export class PolicyEngineError extends Error {
  override readonly name = 'PolicyEngineError';
  readonly code: PolicyEngineErrorCode;
  readonly problems: readonly Problem[];
  constructor(
    code: PolicyEngineErrorCode,
    message: string,
    options: { readonly problems?: readonly Problem[]; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
  }
}
