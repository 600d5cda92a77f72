export { compile } from './compile.ts';
export { instantiate } from './instantiate.ts';
export type {
  CompileOptions,
  CompileResult,
  DocumentPlace,
  EvaluateOptions,
  EvaluationErrorCode,
  Instance,
  InstanceOptions,
  Outcome,
  Program,
  RegoModule,
  SchemaDocument,
  StepBudget,
} from './api.ts';
export type { Diagnostic, DiagnosticCode, Location } from './diagnostics.ts';
export type { RegoVersion } from './ast.ts';
export type { Value } from './runtime/value.ts';
