import type { Body, Expr, Module, Rule, Term } from './ast.ts';
import type { Location } from './diagnostics.ts';
import { printTerm } from './print.ts';
import { varsOfExpr, varsOfTerm } from './passes/vars.ts';

/** Names of rules that are tests start like this. */
export const TEST_PREFIX = 'test_';
/** Names of tests that are not to run yet start like this. */
export const TODO_PREFIX = 'todo_test_';

/** A rule that is a test. */
export interface TestRule {
  /** Parts of its package. */
  readonly package: readonly string[];
  /** Its name below the package, as printed. A second rule of one name in a package is `test_x#01`. */
  readonly name: string;
  /** Its place below `data`. */
  readonly path: readonly string[];
  readonly location: Location;
  /** It is not to run yet. */
  readonly isTodo: boolean;
  /** Its value is an object that says for each case whether it passed: `test_x[case] if …`. */
  readonly hasCases: boolean;
}

/** Modules made ready to run their tests, as OPA's test runner does. */
export interface PreparedTests {
  readonly modules: readonly Module[];
  readonly tests: readonly TestRule[];
}

/**
 * Finds the tests of modules as parsed. Tests of one name become tests of their own, and a test with cases tells which
 * case it has come to, so that a case which then fails is known by its name.
 */
export const prepareTests = (modules: readonly Module[]): PreparedTests => {
  const counts = new Map<string, number>();
  const tests = new Map<string, TestRule>();
  const prepared = modules.map((module): Module => ({
    ...module,
    rules: module.rules.map((rule) => {
      const found = testNameOf(rule);
      if (found === undefined || rule.head.rule === 'function') return rule;
      const own = found.isTodo || rule.default ? rule : withTestCase(rename(rule, found, module, counts), found);
      const test = testRule(module, own, found);
      if (!tests.has(test.path.join('\u0000'))) tests.set(test.path.join('\u0000'), test);
      return own;
    }),
  }));
  return { modules: prepared, tests: [...tests.values()] };
};

interface TestName {
  /** How many parts of the head's ref the name takes; the last one has the prefix. */
  readonly length: number;
  readonly isTodo: boolean;
}

const headParts = (rule: Rule): readonly Term[] => [rule.head.ref.head, ...rule.head.ref.path];

const nameOfPart = (part: Term | undefined, index: number): string | undefined => {
  if (part === undefined) return undefined;
  if (index === 0) return part.kind === 'var' ? part.name : undefined;
  return part.kind === 'string' ? part.value : undefined;
};

const testNameOf = (rule: Rule): TestName | undefined => {
  for (const [index, part] of headParts(rule).entries()) {
    const name = nameOfPart(part, index);
    if (name === undefined) return undefined;
    if (name.startsWith(TEST_PREFIX) || name.startsWith(TODO_PREFIX)) {
      return { length: index + 1, isTodo: name.startsWith(TODO_PREFIX) };
    }
  }
  return undefined;
};

const namesOf = (rule: Rule, { length }: TestName): readonly string[] =>
  headParts(rule)
    .slice(0, length)
    .flatMap((part, index) => nameOfPart(part, index) ?? []);

const testRule = (module: Module, rule: Rule, found: TestName): TestRule => {
  const { ref } = rule.head;
  return {
    package: module.package,
    name: printTerm({ ...ref, path: ref.path.slice(0, found.length - 1) }),
    path: [...module.package, ...namesOf(rule, found)],
    location: rule.location,
    isTodo: found.isTodo,
    hasCases: ref.path.length >= found.length || rule.head.rule === 'object',
  };
};

const rename = (rule: Rule, found: TestName, module: Module, counts: Map<string, number>): Rule => {
  const names = namesOf(rule, found);
  const key = [...module.package, ...names].join('\u0000');
  const count = counts.get(key) ?? 0;
  counts.set(key, count + 1);
  if (count === 0) return rule;
  const name = `${names.at(-1) ?? ''}#${String(count).padStart(2, '0')}`;
  const { ref } = rule.head;
  if (found.length === 1) {
    const head: Term = { kind: 'var', name, location: ref.head.location };
    return { ...rule, head: { ...rule.head, ref: { ...ref, head } } };
  }
  const path = ref.path.map((part, index): Term =>
    index === found.length - 2 ? { kind: 'string', value: name, location: part.location } : part,
  );
  return { ...rule, head: { ...rule.head, ref: { ...ref, path } } };
};

/** Puts a call that tells the case behind the literals that first use the variables of the case's name. */
const withTestCase = (rule: Rule, found: TestName): Rule => {
  const names = rule.head.ref.path.slice(found.length - 1);
  if (names.length === 0 || callsTestCase(rule.body)) return rule;
  const { location } = rule.head;
  const tell: Expr = {
    kind: 'expr',
    term: {
      kind: 'call',
      operator: ['internal', 'test_case'],
      args: [{ kind: 'array', items: names, location }],
      location,
    },
    negated: false,
    with: [],
    location,
    generated: true,
  };
  const vars = new Set<string>();
  for (const name of names) varsOfTerm(name, {}, vars);
  const behind = Math.max(0, ...[...vars].map((name) => rule.body.findIndex((expr) => mentions(expr, name)) + 1));
  return { ...rule, body: rule.body.toSpliced(behind, 0, tell) };
};

const mentions = (expr: Expr, name: string): boolean => {
  const vars = new Set<string>();
  varsOfExpr(expr, {}, vars);
  return vars.has(name);
};

const callsTestCase = (body: Body): boolean =>
  body.some(({ term }) => term.kind === 'call' && term.operator.join('.') === 'internal.test_case');
