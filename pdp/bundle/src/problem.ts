/** Which step found a problem. */
export type ProblemSource =
  | 'yaml'
  | 'build'
  | 'registry'
  | 'schema'
  | 'duplicate'
  | 'selector'
  | 'reference'
  | 'cycle'
  | 'data'
  | 'rego'
  | 'opa-check';

/** What is wrong, as a closed list that users and tests may match on; the message may change, the class may not. */
export type ProblemClass =
  | 'yaml'
  | 'yaml-type'
  | 'kind'
  | 'api-version'
  | 'build'
  | 'structure'
  | 'duplicate'
  | 'selector-regex'
  | 'reference'
  | 'reference-format'
  | 'unknown-domain'
  | 'cycle'
  | 'data-clash'
  | 'rego-parse'
  | 'rego-compile';

/** The sections of a domain, by the word that messages use. */
export type EntityKind =
  'policy' | 'library' | 'role' | 'group' | 'resource-group' | 'resource' | 'scope' | 'operation' | 'mapper';

/** A place in a file: both count from 1; columns count UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A place in a policy's own text, as its Rego diagnostics give it: both count from 1. */
export interface RegoPosition {
  readonly row: number;
  readonly col: number;
}

/**
 * One thing that is wrong with a domain. `severity: 'error'` keeps the domain from being loaded or from passing lint,
 * whichever function answered it; a warning keeps it from nothing.
 */
export interface Problem {
  readonly source: ProblemSource;
  readonly severity: 'error' | 'warning';
  readonly class: ProblemClass;
  /** The file as the caller named it; for Kubernetes objects `namespace/name`. */
  readonly file: string;
  readonly message: string;
  /** `metadata.name` of the domain, once that is known. */
  readonly domain?: string;
  readonly kind?: EntityKind;
  /** The entity's MRN; its name where the entity has no MRN. */
  readonly mrn?: string;
  /** The entity's field: `policy`, `rego`, `selector`… */
  readonly field?: string;
  /** Where in `file`; absent for objects that were never text. */
  readonly line?: number;
  readonly column?: number;
  /** Where in the entity's own Rego text. */
  readonly rego?: RegoPosition;
  /** OPA's code of a Rego error: `rego_parse_error`, `rego_unsafe_var_error`… */
  readonly regoCode?: string;
}

/** True for problems that refuse the domain. */
export function isError(problem: Problem): boolean {
  return problem.severity === 'error';
}

/** Prints `file:line:col: [kind mrn] message`, leaving out what is not known. One line, unless the message has more. */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.line === undefined ? undefined : problem.column]
    .filter((part) => part !== undefined)
    .join(':');
  const subject = [problem.kind, problem.mrn].filter((part) => part !== undefined && part !== '').join(' ');
  const rows = problem.rego === undefined ? '' : ` (rego ${String(problem.rego.row)}:${String(problem.rego.col)})`;
  const severity = problem.severity === 'warning' ? 'warning: ' : '';
  return `${place}: ${subject === '' ? '' : `[${subject}] `}${severity}${problem.message}${rows}`;
}
