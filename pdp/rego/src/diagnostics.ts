/** A place in a policy text. Rows and columns count from 1; columns count characters (code points) as OPA's do. */
export interface Location {
  readonly file: string;
  readonly row: number;
  readonly col: number;
  /** Index into the source string (UTF-16 units) where the node starts, and where it ends (exclusive). */
  readonly start: number;
  readonly end: number;
}

/** OPA's error codes for modules that do not load. */
export type DiagnosticCode =
  'rego_parse_error' | 'rego_compile_error' | 'rego_type_error' | 'rego_unsafe_var_error' | 'rego_recursion_error';

/** One problem found in policy text. `code` is API: tests and users match on it, never on `message`. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly location: Location;
}
