import { z } from 'zod';
import { Conditions } from './conditions.ts';
import { AGE, UNOBSERVED, type KindDefinition } from './kind-definition.ts';
import type { ApiObject } from './object.ts';
import { PdpException } from './policy-set.ts';

const Digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .meta({ description: 'sha256:<64 hex digits>.' });

/** `spec` of a PolicyRevision: the signed manifest and where it came from. Immutable. */
export const PolicyRevisionSpec = z
  .object({
    set: z.string().min(1).max(253).meta({ description: 'Name of the PolicySet.' }),
    setUid: z.string().min(1).max(253).meta({ description: 'UID of the PolicySet.' }),
    setGeneration: z.int().min(0).meta({ description: 'Generation of the PolicySet that it was made for.' }),
    n: z.int().min(1).meta({ description: 'The revision. Only ever rises within a set.' }),
    digest: Digest.meta({ description: 'Digest of the canonical manifest.' }),
    parent: z.int().min(0).meta({ description: 'Revision before this one; 0 for the first.' }),
    reason: z.enum(['Spec', 'Rollback', 'Withdraw', 'Emergency']).meta({ description: 'Why the revision was made.' }),
    createdAt: z.string().meta({ description: 'When it was signed.', format: 'date-time' }),
    keyId: z.string().min(1).max(253).meta({ description: 'Which key signed.' }),
    signature: z.string().min(1).max(1024).meta({ description: 'Ed25519 signature, base64.' }),
    rendererVersion: z.int().min(1).meta({ description: 'Renderer that made the bundles.' }),
    manifest: z
      .string()
      .min(2)
      .max(1_048_576)
      .meta({ description: 'The canonical JSON text of the manifest; its sha256 is digest.' }),
    rollbackOf: z.int().min(1).optional().meta({ description: 'Revision whose content this one repeats.' }),
  })
  .meta({
    description: 'The immutable, signed manifest.',
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'a PolicyRevision is immutable' }],
  });
export type PolicyRevisionSpec = z.output<typeof PolicyRevisionSpec>;

/** Phases of a rollout. */
export const ROLLOUT_PHASES = [
  'Pending',
  'Preparing',
  'Gating',
  'Committing',
  'Soaking',
  'Paused',
  'AwaitingApproval',
  'Completed',
  'Aborted',
  'RolledBack',
] as const;
export type RolloutPhase = (typeof ROLLOUT_PHASES)[number];

const WaveTarget = z
  .object({
    principals: z.int().min(1).max(9_999).optional().meta({ description: 'Ten thousandths of the principals.' }),
    nodes: z
      .object({
        labels: z
          .record(z.string().max(316), z.string().max(63))
          .optional()
          .meta({ description: 'Labels of the pods.' }),
        zones: z.array(z.string().max(63)).max(32).optional().meta({
          description: 'Zones of the pods.',
          'x-kubernetes-list-type': 'set',
        }),
        sharePercent: z.int().min(1).max(100).optional().meta({ description: 'Share of these pods.' }),
      })
      .optional()
      .meta({ description: 'These PDPs.' }),
  })
  .meta({ description: 'Whom the wave reaches, besides those before it; unset: everyone.' });

const Wave = z
  .object({
    index: z.int().min(0).meta({ description: 'Number of the wave, from 0.' }),
    decision: z
      .enum(['Commit', 'Abort'])
      .optional()
      .meta({ description: 'The durable decision. Once written it never changes.' }),
    final: z
      .boolean()
      .optional()
      .meta({ description: 'Whether it is the last wave: with its Commit the revision is committed. Unset: true.' }),
    target: WaveTarget.optional(),
    decidedAt: z.string().optional().meta({ description: 'When it was decided.', format: 'date-time' }),
    decidedBy: z.string().max(253).optional().meta({ description: 'Operator pod that decided.' }),
    keyId: z.string().max(64).optional().meta({ description: 'Key that the decision is signed with.' }),
    signature: z.string().max(512).optional().meta({
      description:
        'Signature under a Commit that is for everyone: whoever passes the revision on proves by it that it is decided.',
    }),
  })
  .meta({
    'x-kubernetes-validations': [
      {
        rule: '!has(oldSelf.decision) || (has(self.decision) && self.decision == oldSelf.decision)',
        message: 'a decision never changes',
      },
      {
        rule: '!has(oldSelf.decision) || (has(self.final) == has(oldSelf.final) && (!has(self.final) || self.final == oldSelf.final))',
        message: 'a decision never changes',
      },
    ],
  });

const Hold = z.object({
  reason: z
    .string()
    .max(64)
    .meta({ description: 'PauseRequested, ApprovalRequired, ShadowWindow, LeaseGap, Soak, ...' }),
  message: z.string().max(2048).meta({ description: 'For people.' }),
});

const ShadowDiff = z.object({
  verdict: z.enum(['Waiting', 'Pass', 'Fail']).meta({ description: 'Whether the differences are small enough.' }),
  message: z.string().max(2048).meta({ description: 'For people.' }),
  total: z.int().min(0).meta({ description: 'Requests that both answered.' }),
  changed: z.int().min(0).meta({ description: 'Answers that differ.' }),
  grantToDeny: z.int().min(0).meta({ description: 'Grants that would become denials.' }),
  denyToGrant: z.int().min(0).meta({ description: 'Denials that would become grants.' }),
  errors: z.int().min(0).meta({ description: 'Answers that would become errors.' }),
  dropped: z.int().min(0).meta({ description: 'Requests of the sample that were not compared.' }),
  samples: z
    .array(
      z.object({
        difference: z.string().max(64).meta({ description: 'What would change.' }),
        principal: z.string().max(1024).meta({ description: 'Who asked, redacted.' }),
        operation: z.string().max(1024).meta({ description: 'The operation.' }),
        resource: z.string().max(1024).meta({ description: 'The resource, redacted.' }),
      }),
    )
    .max(20)
    .meta({ description: 'Some of the answers that differ.', 'x-kubernetes-list-type': 'atomic' }),
});

const Analysis = z.object({
  wave: z.int().min(0).meta({ description: 'The wave.' }),
  verdict: z.enum(['Pass', 'Fail', 'Unknown']).meta({ description: 'What the soak showed.' }),
  message: z.string().max(2048).meta({ description: 'For people.' }),
});

const Approval = z.object({
  wave: z.int().min(0).meta({ description: 'The wave.' }),
  by: z.string().max(253).optional().meta({ description: 'Who approved it, where that is known.' }),
});

export const PolicyRevisionStatus = z
  .object({
    observedGeneration: z.int().optional().meta({ description: 'Generation that this status describes.' }),
    phase: z.enum(ROLLOUT_PHASES).optional().meta({ description: 'Where the rollout stands.' }),
    cause: z.string().max(2048).optional().meta({ description: 'Why it was aborted.' }),
    waves: z
      .array(Wave)
      .max(64)
      .optional()
      .meta({
        description: 'Decisions, one per wave. An Abort after the last: it failed when everyone served it.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['index'],
        'x-kubernetes-validations': [
          { rule: 'oldSelf.all(w, self.exists(x, x.index == w.index))', message: 'a wave is never taken back' },
        ],
      }),
    wave: z.string().optional().meta({ description: 'Wave under way, as number/count, counted from 1.' }),
    hold: Hold.optional().meta({ description: 'Why the rollout does not go on although it could.' }),
    approvals: z
      .array(Approval)
      .max(64)
      .optional()
      .meta({
        description: 'Waves that were approved.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['wave'],
      }),
    shadow: ShadowDiff.optional().meta({ description: 'What would change, by live requests.' }),
    analysis: Analysis.optional().meta({ description: 'The last analysis of a wave.' }),
    preparedCount: z.string().optional().meta({ description: 'prepared/required, for kubectl get.' }),
    activeCount: z.string().optional().meta({ description: 'active/required, for kubectl get.' }),
    nackedCount: z.int().min(0).optional().meta({ description: 'PDPs that refused it.' }),
    preparingSince: z.string().optional().meta({ description: 'When the rollout began.', format: 'date-time' }),
    completedAt: z
      .string()
      .optional()
      .meta({ description: 'When the last required PDP became active.', format: 'date-time' }),
    convergenceMilliseconds: z.int().optional().meta({ description: 'From creation to the last required Active.' }),
    skewMilliseconds: z.int().optional().meta({ description: 'From the first Active to the last.' }),
    exceptions: z.array(PdpException).max(20).optional().meta({
      description: 'PDPs that are not where they should be (the first 20).',
      'x-kubernetes-list-type': 'atomic',
    }),
    conditions: Conditions,
  })
  .meta({
    'x-kubernetes-validations': [
      { rule: '!has(oldSelf.waves) || has(self.waves)', message: 'a decision never changes' },
    ],
  });
export type PolicyRevisionStatus = z.output<typeof PolicyRevisionStatus>;

export type PolicyRevision = ApiObject<PolicyRevisionSpec, PolicyRevisionStatus>;

/** The name of revision `n` of a set. Creating the object of that name is what allocates `n`. */
export function revisionName(set: string, n: number): string {
  return `${set}-${String(n)}`;
}

export const policyRevisionKind: KindDefinition = {
  kind: 'PolicyRevision',
  plural: 'policyrevisions',
  singular: 'policyrevision',
  shortNames: ['prev'],
  description:
    'One numbered, signed manifest of a PolicySet; in status its rollout and the durable decision. The history.',
  spec: PolicyRevisionSpec,
  status: PolicyRevisionStatus,
  statusDefault: UNOBSERVED,
  columns: [
    { name: 'Set', type: 'string', jsonPath: '.spec.set', description: 'The set.' },
    { name: 'Rev', type: 'integer', jsonPath: '.spec.n', description: 'Revision n.' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the rollout stands.' },
    { name: 'Wave', type: 'string', jsonPath: '.status.wave', description: 'Wave under way.' },
    { name: 'Prepared', type: 'string', jsonPath: '.status.preparedCount', description: 'PDPs that have prepared it.' },
    { name: 'Active', type: 'string', jsonPath: '.status.activeCount', description: 'PDPs that serve it.' },
    { name: 'Nacked', type: 'integer', jsonPath: '.status.nackedCount', description: 'PDPs that refused it.' },
    { name: 'Cause', type: 'string', jsonPath: '.status.cause', description: 'Why it was aborted.' },
    { name: 'Reason', type: 'string', jsonPath: '.spec.reason', description: 'Why it was made.', priority: 1 },
    { name: 'Digest', type: 'string', jsonPath: '.spec.digest', description: 'Digest of the manifest.', priority: 1 },
    AGE,
  ],
};
