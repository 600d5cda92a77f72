import type { SnapshotProblem } from './compile-snapshot.ts';

/** `InvalidDomains`: the domains do not form a snapshot. `InvalidPorc`: the request is not a JSON object. `EngineClosed`: used after `close`. */
export type PolicyEngineErrorCode = 'InvalidDomains' | 'InvalidPorc';

/** What the embeddable engine throws for wrong input. Branch on `code`; `problems` is empty unless domains are invalid. */
export class PolicyEngineError extends Error {
  override readonly name = 'PolicyEngineError';
  readonly code: PolicyEngineErrorCode;
  readonly problems: readonly SnapshotProblem[];
  constructor(code: PolicyEngineErrorCode, message: string, problems: readonly SnapshotProblem[] = []) {
    super(message);
    this.code = code;
    this.problems = problems;
  }
}
