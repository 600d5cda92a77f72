export type {
  AccessRecord,
  AccessReference,
  DenyReason,
  GrantReason,
  Phase,
  PhaseDurations,
  PolicyIdentity,
  ReasonCode,
  RevisionIdentity,
  Verdict,
} from './access-record.ts';
export { parsePodInfo, resolveAuditEnv } from './audit-env.ts';
export type { AuditEnv, AuditEnvEntry, AuditEnvSources } from './audit-env.ts';
export { compileSnapshot, compileSourcedSnapshot } from './compile-snapshot.ts';
export type { CompileSnapshotOptions, CompileSnapshotResult, SnapshotProblem } from './compile-snapshot.ts';
export type { CompiledSnapshot } from './compiled-snapshot.ts';
export type { Documents } from './documents.ts';
export { systemClock } from './decide-context.ts';
export type { Clock, DecideContext, Decision } from './decide-context.ts';
export { decide, decideWithNetwork, denyAll } from './decide.ts';
export { PolicyEngineError } from './errors.ts';
export type { PolicyEngineErrorCode } from './errors.ts';
export { jsonText } from './json-text.ts';
export { defaultDecisionLimits, maxPorcContainers, maxPorcDepth } from './limits.ts';
export type { DecisionLimits } from './limits.ts';
export { mapRequest } from './mapper.ts';
export type { MapErrorCode, MapRequestOptions, MapResult } from './mapper.ts';
export { createPolicyEngine } from './policy-engine.ts';
export type { AuthorizeOptions, DomainSource, DomainText, PolicyEngine, PolicyEngineOptions } from './policy-engine.ts';
export { DEFAULT_NETWORK_LIMITS, NETWORK_BUILTINS, NetworkSession, withNetwork } from '@edict/rego/network';
export type {
  HttpAnswer,
  HttpRequest,
  HttpResponse,
  HttpTls,
  LookupAnswer,
  LookupRequest,
  NetworkAccess,
  NetworkBuiltin,
  NetworkFailure,
  NetworkLimits,
  NetworkPort,
  RequestBounds,
  TextSource,
} from '@edict/rego/network';
export { parsePorc, parsePorcList, toPorc } from './porc.ts';
export type { ParsePorcOptions, PorcListResult, PorcResult } from './porc.ts';
export { runTestSuites, TESTS_MAX_STEPS, TESTS_TIMEOUT_MS } from './run-test-suites.ts';
export type { TestLimits, TestOutcome, TestSubject } from './run-test-suites.ts';
export { recordTimestamp, renderAccessRecord } from './render-access-record.ts';
export { loadSnapshot } from './snapshot.ts';
export type { Snapshot } from './snapshot.ts';
export {
  parseTestSuite,
  renderTestSuite,
  REGO_TESTS_FEATURE,
  TEST_CASES_MAX,
  TEST_MODULES_MAX,
  TEST_SUITE_MAX_BYTES,
  TEST_SUITE_MAX_GZIP_BYTES,
  TestSuiteError,
} from './test-suite.ts';
export type { RenderedTestSuite, TestCase, TestModule, TestSuite, TestSuiteErrorCode } from './test-suite.ts';
