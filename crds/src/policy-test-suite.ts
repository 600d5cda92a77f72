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

/** `spec` of a PolicyTestSuite: questions that a set has to answer so before anyone serves it. */
export const PolicyTestSuiteSpec = withRules(
  z.object({
    set: z.string().min(1).max(253).optional().meta({ description: 'The PolicySet that has to pass.' }),
    domain: z.string().min(1).max(253).optional().meta({
      description: 'The PolicyDomain that it is about: every set that carries it has to pass.',
    }),
    tests: z.array(DecisionTest).min(1).max(1_000).meta({
      description: 'Cases in the format of `edict test decisions`.',
      'x-kubernetes-list-type': 'atomic',
    }),
  }),
  [
    {
      cel: 'has(self.set) != has(self.domain)',
      at: 'set',
      message: 'exactly one of set and domain must be given',
      breaks: ({ set, domain }) => (set === undefined) === (domain === undefined),
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
