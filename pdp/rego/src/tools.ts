/**
 * What tools for policy authors need beyond compiling and evaluating: queries against checked modules, tests, and programs
 * that tell what they do. Nothing on the way of a decision uses it.
 */
export { openWorkspace, QUERY_FILE } from './workspace.ts';
export type {
  Compiled,
  QueryExpression,
  Workspace,
  WorkspaceDocuments,
  WorkspaceModule,
  WorkspaceOptions,
  WorkspaceQuery,
  WorkspaceQueryOptions,
} from './workspace.ts';
export { bindProgram } from './run-program.ts';
export type { Failure, Listeners, RunResult } from './run-program.ts';
export { Coverage, percentCovered } from './trace/coverage.ts';
export type { CoveredRange, FileCoverage } from './trace/coverage.ts';
export { EventLog } from './trace/event-log.ts';
export type { EventFilter, LoggedEvent, LoggedOperation } from './trace/event-log.ts';
export { Explanation } from './trace/explanation.ts';
export type { ExplainedBody, ExplainedCall, ExplainedLiteral, NamedValue } from './trace/explanation.ts';
export { Profile } from './trace/profile.ts';
export type { ProfiledLine } from './trace/profile.ts';
export type { TraceListener } from './trace/listener.ts';
export type { PlaceRef, TraceEvent, TracePlace } from './trace/places.ts';
export { mergeDocuments } from './merge-documents.ts';
export type { MergeResult } from './merge-documents.ts';
export { readYaml } from './runtime/builtins/yaml-read.ts';
export { isPlainObject, setMember } from './runtime/value.ts';
