import {
  renderTestSuite,
  TestSuiteError,
  type RenderedTestSuite,
  type TestModule,
  type TestSuite,
} from '@edict/engine';
import type { PolicyTestSuite } from '@edict/crds';

/** A suite as users write it, as PDPs run it. */
export function suiteOf({ metadata, spec }: Pick<PolicyTestSuite, 'metadata' | 'spec'>): TestSuite {
  const { tests = [], modules = [], domain } = spec;
  return {
    name: metadata.name,
    cases: tests.map(({ name, porc, result }) => ({ name, porc, allow: result.allow })),
    ...(modules.length === 0 ? {} : { modules: modules.map(moduleOf) }),
    ...(modules.length === 0 || domain === undefined ? {} : { domain }),
  };
}

type WrittenModule = NonNullable<PolicyTestSuite['spec']['modules']>[number];

function moduleOf({ name, rego, policy }: WrittenModule): TestModule {
  return { name, rego, ...(policy === undefined ? {} : { policy }) };
}

const rendered = new WeakMap<object, RenderedTestSuite | string>();

/** The rendering of a suite, or why it cannot be rendered. Once per object. */
export function renderSuite(suite: Pick<PolicyTestSuite, 'metadata' | 'spec'>): RenderedTestSuite | string {
  const known = rendered.get(suite.spec);
  if (known !== undefined) return known;
  const result = render(suiteOf(suite));
  rendered.set(suite.spec, result);
  return result;
}

function render(suite: TestSuite): RenderedTestSuite | string {
  try {
    return renderTestSuite(suite);
  } catch (error) {
    if (!(error instanceof TestSuiteError)) throw error;
    return error.message;
  }
}
