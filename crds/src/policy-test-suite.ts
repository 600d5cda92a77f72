import { z } from 'zod';
import { AGE, type KindDefinition } from './kind-definition.ts';
import type { ApiObject } from './object.ts';
import { withRules } from './rules.ts';

const DecisionTest = z.object({
  name: z.string().min(1).max(253).meta({ description: 'Name of the case; a refusal names it.' }),
  description: z.string().max(2048).optional().meta({ description: 'For people.' }),
  porc: z.unknown().meta({
    description: 'The request: principal, operation, resource, context.',
    'x-kubernetes-preserve-unknown-fields': true,
  }),
  result: z
    .object({ allow: z.boolean().default(false).meta({ description: 'The answer that it must get.' }) })
    .default({ allow: false })
    .meta({ description: 'What is expected.' }),
});

const TestModule = z.object({
  name: z.string().min(1).max(253).meta({ description: 'Name of the module, as a file; messages name it.' }),
  rego: z.string().min(1).max(262_144).meta({
    description: 'Rego whose rules called test_… have to be true. v0 unless it says import rego.v1.',
  }),
  policy: z.string().min(1).max(1280).optional().meta({
    description:
      'MRN of the policy (or domain/MRN) that it is compiled beside. Without it: the libraries and the data of the domain, or of the set.',
  }),
});

/** `spec` of a PolicyTestSuite: questions that a set has to answer so before anyone serves it. */
export const PolicyTestSuiteSpec = withRules(
  z.object({
    set: z.string().min(1).max(253).optional().meta({ description: 'The PolicySet that has to pass.' }),
    domain: z.string().min(1).max(253).optional().meta({
      description: 'The PolicyDomain that it is about: every set that carries it has to pass.',
    }),
    tests: z.array(DecisionTest).max(1_000).optional().meta({
      description: 'Cases in the format of `edict test decisions`.',
      'x-kubernetes-list-type': 'atomic',
    }),
    modules: z
      .array(TestModule)
      .max(100)
      .optional()
      .meta({
        description: 'Rego modules with tests, as `edict test` runs them.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      }),
  }),
  [
    {
      cel: 'has(self.set) != has(self.domain)',
      at: 'set',
      message: 'exactly one of set and domain must be given',
      breaks: ({ set, domain }) => (set === undefined) === (domain === undefined),
    },
    {
      cel: '(has(self.tests) && size(self.tests) > 0) || (has(self.modules) && size(self.modules) > 0)',
      at: 'tests',
      message: 'tests or modules must hold something',
      breaks: ({ tests = [], modules = [] }) => tests.length + modules.length === 0,
    },
    {
      cel: '!has(self.modules) || self.modules.all(m, self.modules.exists_one(o, o.name == m.name))',
      at: 'modules',
      message: 'every module needs a name of its own',
      breaks: ({ modules = [] }) => new Set(modules.map(({ name }) => name)).size < modules.length,
    },
  ],
).meta({ description: 'Questions with the answers that they must get.' });
export type PolicyTestSuiteSpec = z.output<typeof PolicyTestSuiteSpec>;

/** What became of the cases is said by the condition TestsPassed of the sets. */
export const PolicyTestSuiteStatus = z.object({});
export type PolicyTestSuiteStatus = z.output<typeof PolicyTestSuiteStatus>;

export type PolicyTestSuite = ApiObject<PolicyTestSuiteSpec, PolicyTestSuiteStatus>;

export const policyTestSuiteKind: KindDefinition = {
  kind: 'PolicyTestSuite',
  plural: 'policytestsuites',
  singular: 'policytestsuite',
  shortNames: ['ptest'],
  description: 'Questions that a set has to answer as expected before anyone serves it.',
  spec: PolicyTestSuiteSpec,
  status: PolicyTestSuiteStatus,
  columns: [
    { name: 'Set', type: 'string', jsonPath: '.spec.set', description: 'The set.' },
    { name: 'Domain', type: 'string', jsonPath: '.spec.domain', description: 'The domain.' },
    AGE,
  ],
};
