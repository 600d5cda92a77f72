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
  StepBudget,
} from './api.ts';
export type { Diagnostic, DiagnosticCode, Location } from './diagnostics.ts';
export type { Module, RegoVersion } from './ast.ts';
export type { Value } from './runtime/value.ts';
export { parseModule, type ParsedModule } from './parser/index.ts';
export { numberFromBigInt, numberFromText, RegoNumber } from './runtime/number.ts';
export { parseJson, stringify, toJson } from './runtime/json.ts';
export { rewriteDataRefs } from './passes/relocate.ts';
