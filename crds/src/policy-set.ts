import { z } from 'zod';
import { Conditions } from './conditions.ts';
import { AGE, conditionColumn, UNOBSERVED, type KindDefinition } from './kind-definition.ts';
import { ConsistencySpec } from './consistency.ts';
import { Duration, LabelSelector, type ApiObject } from './object.ts';
import { FederationSpec, SITES_MAX, SiteStatus } from './federation.ts';
import { RolloutSpec } from './rollout.ts';
import { Serving } from './serving.ts';

/** `spec` of a PolicySet: which domains reach which PDPs, and how. */
export const PolicySetSpec = z
  .object({
    domains: z
      .object({
        selector: LabelSelector.default({}).meta({ description: 'Labels of the PolicyDomains in this namespace.' }),
      })
      .default({ selector: {} })
      .meta({ description: 'Which domains the set carries; without a selector all of the namespace.' }),
    pdps: z
      .object({
        selector: LabelSelector.default({ matchLabels: { 'app.kubernetes.io/component': 'pdp' } }).meta({
          description: 'Labels of the PDP pods in this namespace.',
        }),
      })
      .default({ selector: { matchLabels: { 'app.kubernetes.io/component': 'pdp' } } })
      .meta({ description: 'Which PDPs serve the set.' }),
    consistency: ConsistencySpec,
    rollout: RolloutSpec,
    minReady: z
      .int()
      .min(0)
      .max(20_000)
      .default(1)
      .meta({ description: 'PDPs that must serve for Ready=True. 0: a set without PDPs is Ready too.' }),
    paused: z.boolean().default(false).meta({
      description: 'Open no new rollout, and decide nothing of the one under way.',
    }),
    rollbackTo: z.int().min(1).optional().meta({
      description: 'Serve the content of this earlier revision, as a new revision, until removed or changed.',
    }),
    withdrawTimeout: Duration.default('60s').meta({
      description: 'How long the deletion of a domain waits for PDPs to confirm the withdrawal.',
    }),
    history: z
      .object({ limit: z.int().min(2).max(100).default(10).meta({ description: 'Closed revisions to keep.' }) })
      .default({ limit: 10 })
      .meta({ description: 'How much history is kept.' }),
    serving: Serving.optional(),
    federation: FederationSpec.optional(),
  })
  .meta({ description: 'Which domains, for which PDPs, rolled out how.' });
export type PolicySetSpec = z.output<typeof PolicySetSpec>;

const Count = (description: string) => z.int().min(0).meta({ description });

/** Counts of PDPs in a set's status. */
export const PdpCounts = z.object({
  required: Count('PDPs that the revision must reach.'),
  connected: Count('PDPs with a live stream.'),
  prepared: Count('PDPs that have prepared the newest revision.'),
  active: Count('PDPs that serve the committed revision.'),
  nacked: Count('PDPs that refused the newest revision.'),
  laggards: Count('PDPs left behind at the deadline.'),
  missing: Count('Selected pods without a live stream.'),
  unmanaged: Count(
    'PDPs that pull committed bundles by themselves and report it: best effort, never required.',
  ).optional(),
});
export type PdpCounts = z.output<typeof PdpCounts>;

/** A PDP that is not where it should be. */
export const PdpException = z.object({
  node: z.string().meta({ description: 'The pod, as namespace/name.' }),
  state: z.enum(['Missing', 'Laggard', 'Nacked', 'Preparing', 'Behind']).meta({ description: 'What is wrong.' }),
  active: z.int().optional().meta({ description: 'Revision that it serves.' }),
  reason: z.string().max(2048).optional().meta({ description: 'Why.' }),
});
export type PdpException = z.output<typeof PdpException>;

export const PolicySetStatus = z.object({
  observedGeneration: z.int().optional().meta({ description: 'Generation that this status describes.' }),
  desiredRevision: z.int().optional().meta({ description: 'Newest revision.' }),
  desiredDigest: z.string().optional().meta({ description: 'Digest of its manifest.' }),
  committedRevision: z.int().optional().meta({ description: 'Newest revision whose commit is decided.' }),
  committedDigest: z.string().optional().meta({ description: 'Digest of its manifest.' }),
  token: z.string().optional().meta({
    description:
      'Consistency token of the newest revision that has been Ready: for Policy-At-Least in requests to PDPs.',
  }),
  rollout: z
    .object({
      revision: z.int().meta({ description: 'Revision n.' }),
      phase: z.string().meta({ description: 'Where it stands; see PolicyRevision.' }),
      wave: z.string().optional().meta({ description: 'Wave under way, as number/count, counted from 1.' }),
      hold: z.string().max(2048).optional().meta({ description: 'Why it does not go on although it could.' }),
    })
    .optional()
    .meta({ description: 'The newest rollout.' }),
  pdps: PdpCounts.optional().meta({ description: 'How many PDPs are where.' }),
  pdpsActive: z.string().optional().meta({ description: 'active/required, for kubectl get.' }),
  exceptions: z.array(PdpException).max(20).optional().meta({
    description: 'PDPs that are not where they should be (the first 20).',
    'x-kubernetes-list-type': 'atomic',
  }),
  sites: z.array(SiteStatus).max(SITES_MAX).optional().meta({
    description: 'The sites of the set. Their PDPs are not among pdps.',
    'x-kubernetes-list-type': 'atomic',
  }),
  failedDigests: z
    .array(
      z.object({
        digest: z.string().meta({ description: 'Digest of the manifest.' }),
        reason: z.string().max(2048).meta({ description: 'Why it failed.' }),
        at: z.string().meta({ description: 'When.', format: 'date-time' }),
      }),
    )
    .max(10)
    .optional()
    .meta({
      description: 'Contents that PDPs refused; not tried again by themselves.',
      'x-kubernetes-list-type': 'atomic',
    }),
  lastConvergence: z
    .object({
      revision: z.int().meta({ description: 'Revision n.' }),
      at: z.string().meta({ description: 'When the last required PDP became active.', format: 'date-time' }),
      milliseconds: z.int().meta({ description: 'From the creation of the revision to the last Active.' }),
      skewMilliseconds: z.int().meta({ description: 'From the first Active to the last.' }),
    })
    .optional()
    .meta({ description: 'The last completed rollout.' }),
  revocationBound: z.string().optional().meta({
    description: 'Strict: so long after a decision nobody serves what was before it.',
  }),
  conditions: Conditions,
});
export type PolicySetStatus = z.output<typeof PolicySetStatus>;

export type PolicySet = ApiObject<PolicySetSpec, PolicySetStatus>;

export const policySetKind: KindDefinition = {
  kind: 'PolicySet',
  plural: 'policysets',
  singular: 'policyset',
  shortNames: ['pset'],
  description: 'The unit of change: which domains, for which PDPs, rolled out how.',
  spec: PolicySetSpec,
  status: PolicySetStatus,
  statusDefault: UNOBSERVED,
  columns: [
    { name: 'Mode', type: 'string', jsonPath: '.spec.consistency.mode', description: 'Consistency mode.' },
    { name: 'Desired', type: 'integer', jsonPath: '.status.desiredRevision', description: 'Newest revision.' },
    { name: 'Committed', type: 'integer', jsonPath: '.status.committedRevision', description: 'Committed revision.' },
    { name: 'PDPs', type: 'string', jsonPath: '.status.pdpsActive', description: 'Serving PDPs of those required.' },
    { name: 'Wave', type: 'string', jsonPath: '.status.rollout.wave', description: 'Wave under way.' },
    { name: 'Rollout', type: 'string', jsonPath: '.status.rollout.phase', description: 'Phase of the newest rollout.' },
    conditionColumn('Ready', 'Ready', 'status'),
    conditionColumn('Reason', 'Ready', 'reason', 1),
    AGE,
  ],
};
