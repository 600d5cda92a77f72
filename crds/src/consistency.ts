import { z } from 'zod';
import { Duration, durationMs } from './object.ts';

/** Shortest and longest lease. */
const LEASE_MIN_MS = 5_000;
const LEASE_MAX_MS = 3_600_000;
const LEASE_PROBLEM = 'must be between 5s and 1h';

/** What a set promises about agreement between PDPs and the age of what they serve. What is left out depends on the mode. */
export const ConsistencySpec = z
  .object({
    mode: z.enum(['Standard', 'Strict']).default('Standard').meta({
      description:
        'Standard: prepared by all, then swapped by all. Strict: besides, a PDP answers only while its lease lasts, and commits are at least one lease apart.',
    }),
    lease: Duration.optional().meta({
      description: 'How long a word of the operator vouches for what a PDP serves. Default 10s.',
    }),
    onStale: z.enum(['Serve', 'NotReady', 'Deny']).optional().meta({
      description: 'What a PDP does whose lease has ended. Default: Serve with Standard, NotReady with Strict.',
    }),
    onBoot: z.enum(['ServePersisted', 'AfterLease']).optional().meta({
      description:
        'What a PDP does with what its disk holds. Default: ServePersisted with Standard, AfterLease with Strict.',
    }),
    onControlPlaneLoss: z.enum(['Serve', 'Stop']).optional().meta({
      description:
        'Whether PDPs go on while their operator is there but is itself cut off from the decisions. Default Serve.',
    }),
  })
  .superRefine(({ lease }, context) => {
    if (lease === undefined) return;
    const ms = durationMs(lease);
    if (ms < LEASE_MIN_MS || ms > LEASE_MAX_MS) {
      context.addIssue({ code: 'custom', path: ['lease'], message: LEASE_PROBLEM });
    }
  })
  .default({ mode: 'Standard' })
  .meta({
    description: 'What the set promises about agreement between PDPs.',
    'x-kubernetes-validations': [
      {
        rule: "!has(self.lease) || (duration(self.lease) >= duration('5s') && duration(self.lease) <= duration('1h'))",
        message: LEASE_PROBLEM,
        fieldPath: '.lease',
      },
    ],
  });
export type ConsistencySpec = z.output<typeof ConsistencySpec>;
