export { compile, checkModule } from './compile.ts';
export { instantiate } from './instantiate.ts';
export type {
  CompileOptions,
  CompileResult,
  EvaluateOptions,
  EvaluationErrorCode,
  Instance,
  InstanceOptions,
  Outcome,
  Program,
  RegoModule,
} from './api.ts';
export type { Diagnostic, DiagnosticCode, Location } from './diagnostics.ts';
export type { RegoVersion } from './ast.ts';
export type { Value } from './runtime/value.ts';
