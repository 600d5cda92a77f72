import {
  ClosureError,
  defaultUnsafeBuiltins,
  dependencyClosure,
  formatProblem,
  gatherDocuments,
  indexDomains,
  parseReference,
  policyModules,
  withoutPlaces,
  type DomainIndex,
  type DomainModel,
  type PolicyRef,
} from '@edict/bundle';
import type { RegoModule, StepBudget } from '@edict/rego';
import { bindTests, fullTestName, openTests, type TestCaseResult, type TestRule } from '@edict/rego/tests';
import { parseJson } from '@edict/rego/values';
import { defaultDecisionLimits } from './limits.ts';
import type { TestSubject } from './run-test-suites.ts';
import type { TestModule, TestSuite } from './test-suite.ts';

/** One thing that has to hold. */
export interface TestQuestion {
  /** What it is, for people. */
  readonly label: string;
  /** Why it does not hold; undefined if it does. Never throws. */
  readonly problem: (bounds: TestBounds) => string | undefined;
}

/** What one question may take. */
export interface TestBounds {
  readonly maxMs: number;
  /** Steps that all tests share. */
  readonly budget: StepBudget;
}

/** Language of modules that do not say which, as in policies. */
const REGO_VERSION = 'v0';

/**
 * The tests of a suite's modules, one question each, in the order of modules and text; those called `todo_test_…` are left
 * out. What keeps modules from being run is a question that does not hold. Modules that name a policy are compiled with what
 * that policy is compiled from; the others with the libraries of the suite's domain, what these depend on, and the domain's
 * data, or, where the suite is about a set, with all libraries and data of the set and the policies among its documents.
 */
export function openTestModules(suite: TestSuite, subject: TestSubject): readonly TestQuestion[] {
  const { modules = [], name } = suite;
  if (modules.length === 0) return [];
  const domains = subject.domains();
  const questions: TestQuestion[] = [];
  for (const policy of new Set(modules.map((module) => module.policy))) {
    const own = modules.filter((module) => module.policy === policy);
    const tested = testedSources(suite, policy, domains, subject);
    questions.push(
      ...('problem' in tested ? [refused(name, tested.problem)] : questionsOf(suite, own, tested, subject)),
    );
  }
  if (questions.length > 0) return questions;
  return [refused(name, 'none of its Rego modules has a rule whose name begins with test_')];
}

/** What modules are compiled beside. */
interface TestedSources {
  readonly modules: readonly RegoModule[];
  /** Base documents as JSON text. */
  readonly data: string;
}

function testedSources(
  suite: TestSuite,
  policy: string | undefined,
  domains: readonly DomainModel[],
  { documentPolicies = [] }: TestSubject,
): TestedSources | { readonly problem: string } {
  const index = indexDomains(domains);
  try {
    if (policy !== undefined) {
      const ref = findPolicy(index, policy, suite.domain);
      if (ref === undefined) return { problem: `no domain has the policy ${policy}` };
      return { modules: policyModules(index, ref), data: '{}' };
    }
    if (suite.domain !== undefined) return librariesOf(index, suite.domain);
  } catch (error) {
    if (!(error instanceof ClosureError)) throw error;
    return { problem: error.message };
  }
  const sourced = index.domains.map((domain) => withoutPlaces(domain, domain.name));
  const gathered = gatherDocuments(sourced, documentPolicies, REGO_VERSION);
  return gathered.ok ? gathered.sources : { problem: gathered.problems.map(formatProblem).join('; ') };
}

/** An MRN is looked for in the suite's domain first; one with a slash is looked for as it is before it is taken apart. */
function findPolicy({ domains }: DomainIndex, text: string, home: string | undefined): PolicyRef | undefined {
  const find = (mrn: string, where: (domain: DomainModel) => boolean): PolicyRef | undefined => {
    const domain = domains.find((one) => where(one) && one.policies.some((entity) => entity.mrn === mrn));
    return domain === undefined ? undefined : { domain: domain.name, mrn };
  };
  const whole = find(text, ({ name }) => name === home) ?? find(text, () => true);
  if (whole !== undefined) return whole;
  const reference = parseReference(text);
  if (!reference.ok || reference.domain === undefined) return undefined;
  return find(reference.id, ({ name }) => name === reference.domain);
}

/** The libraries of a domain with those that they depend on, each once, and the domain's data. */
function librariesOf(index: DomainIndex, name: string): TestedSources | { readonly problem: string } {
  const domain = index.domain(name);
  if (domain === undefined) return { problem: `the domain ${name} is not there` };
  const modules = new Map<string, string>();
  for (const entity of domain.libraries) modules.set(`${name}/${entity.mrn}`, entity.rego);
  for (const entity of domain.libraries) {
    for (const library of dependencyClosure(index, { domain, entity })) {
      modules.set(`${library.domain.name}/${library.entity.mrn}`, library.entity.rego);
    }
  }
  return { modules: Array.from(modules, ([id, source]) => ({ name: id, source })), data: domain.data ?? '{}' };
}

function questionsOf(
  { name }: TestSuite,
  own: readonly TestModule[],
  { modules, data }: TestedSources,
  { unsafeBuiltins = defaultUnsafeBuiltins }: TestSubject,
): readonly TestQuestion[] {
  const base = parseJson(data);
  if (!base.ok) throw new Error(`the data of a domain is no JSON: ${base.problem.message}`);
  const sources = [...modules, ...own.map((module) => ({ name: module.name, source: module.rego }))];
  const opened = openTests(sources, { regoVersion: REGO_VERSION, unsafeBuiltins });
  if (!opened.ok) return [refused(name, diagnosed(opened.diagnostics))];
  // What a library calls a test is run only by a suite.
  const files = new Set(own.map((module) => module.name));
  const tests = opened.value.tests.filter(({ isTodo, location }) => !isTodo && files.has(location.file));
  const bound = bindTests(opened.value, tests, base.value);
  if (!bound.ok) return [refused(name, diagnosed(bound.diagnostics))];
  return tests.map((test) => ({
    label: labelOf(name, test),
    problem: ({ maxMs, budget }) => {
      const { maxSteps } = defaultDecisionLimits;
      const { outcome, failure, cases } = bound.value(test, { maxSteps, maxMs, budget });
      if (failure !== undefined) {
        const { location, code, message } = failure;
        const place = location === undefined ? '' : `${location.file}:${location.row}:${location.col}: `;
        return `${place}${code}: ${message}`;
      }
      if (outcome === 'passed') return undefined;
      const failed = firstFailed(cases);
      return failed === undefined ? 'it is not true' : `case ${failed.join('/')} is not true`;
    },
  }));
}

/** `suite rooms, rooms_test.rego:7, test data.rooms_test.test_entry`. */
function labelOf(suite: string, test: TestRule): string {
  const { file, row } = test.location;
  return `suite ${suite}, ${file}:${row}, test ${fullTestName(test)}`;
}

function firstFailed(cases: readonly TestCaseResult[]): readonly string[] | undefined {
  const first = cases.find(({ failed }) => failed);
  if (first === undefined) return undefined;
  return [first.name, ...(firstFailed(first.cases) ?? [])];
}

function refused(suite: string, problem: string): TestQuestion {
  return { label: `suite ${suite}`, problem: () => problem };
}

/** Diagnostics that a message names. */
const DIAGNOSTICS_SHOWN = 5;

function diagnosed(
  diagnostics: readonly { readonly code: string; readonly message: string; readonly location: Place }[],
): string {
  return diagnostics
    .slice(0, DIAGNOSTICS_SHOWN)
    .map(({ code, message, location: { file, row, col } }) => `${file}:${row}:${col}: ${code}: ${message}`)
    .join('; ');
}

interface Place {
  readonly file: string;
  readonly row: number;
  readonly col: number;
}
