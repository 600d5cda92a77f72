import { z } from 'zod';
import { Duration } from './object.ts';

/** A rule or package below `data`, as OPA writes it in URLs: `envoy/authz/allow`. */
const DocumentPath = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[^/]+(\/[^/]+)*$/);

const Documents = z.object({
  policies: z.array(z.string().max(1280)).max(1000).default([]).meta({
    description:
      'MRNs of policies (or domain/MRN) whose Rego joins the libraries. Libraries and data always belong to the documents.',
    'x-kubernetes-list-type': 'set',
  }),
});

const Opa = z.object({
  defaultDecision: DocumentPath.default('system/main').meta({ description: 'What POST / and POST /v0/data ask.' }),
});

const Candidates = z.object({
  subject: DocumentPath.optional().meta({ description: 'Rule that lists the subjects that a search considers.' }),
  resource: DocumentPath.optional().meta({ description: 'Rule that lists the resources that a search considers.' }),
  action: DocumentPath.optional().meta({ description: 'Rule that lists the actions that a search considers.' }),
});

const AuthZen = z.object({
  evaluation: z.enum(['Porc', 'Mapper', 'Rule']).default('Porc').meta({
    description:
      'Porc: subject, action and resource become a PORC by a fixed rule. Mapper: by a mapper. Rule: a Rego rule answers.',
  }),
  mapper: z
    .string()
    .max(253)
    .optional()
    .meta({ description: 'With Mapper: the domain whose mapper is used, if there are several.' }),
  rule: DocumentPath.default('authzen/allow').meta({
    description: 'With Rule: a boolean, or an object with decision and context. Its input is the evaluation request.',
  }),
  candidates: Candidates.default({}).meta({
    description: 'Where searches get what they evaluate. Without a rule a search finds nothing.',
  }),
});

const Envoy = z.object({
  result: z.enum(['Mapper', 'Rule']).default('Mapper').meta({
    description:
      'Mapper: a mapper makes a PORC of the CheckRequest. Rule: a Rego rule answers as with the OPA-Envoy plugin.',
  }),
  mapper: z
    .string()
    .max(253)
    .optional()
    .meta({ description: 'With Mapper: the domain whose mapper is used, if there are several.' }),
  rule: DocumentPath.default('envoy/authz/allow').meta({ description: 'With Rule: the rule that is asked.' }),
  unreadable: z.enum(['Deny', 'Error']).default('Deny').meta({
    description:
      'When the result cannot be read. Deny: 403. Error: a gRPC error, which Envoy may take for leave to pass.',
  }),
});

const Limits = z.object({
  maxSteps: z.int().min(1000).max(1_000_000_000).optional().meta({ description: 'Evaluation steps of one decision.' }),
  maxConcurrent: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .meta({ description: 'Requests under way at once; further ones get 503.' }),
  maxBodyBytes: z.int().min(1024).max(1_073_741_824).optional().meta({ description: 'Bytes of bodies held at once.' }),
});

const DecisionCache = z.object({
  entries: z.int().min(0).max(1_000_000).default(0).meta({
    description: 'Answers kept for equal inputs of one revision, for deterministic policies only. 0: none.',
  }),
});

const Instance = z.object({
  names: z.array(z.string().min(1).max(253)).max(32).default([]).meta({
    description: 'Further names by which path, header, SNI or Envoy context extension choose this set.',
    'x-kubernetes-list-type': 'set',
  }),
  load: z
    .enum(['Ahead', 'OnFirstUse'])
    .default('Ahead')
    .meta({ description: 'When PDPs bring the policy into memory.' }),
  grace: Duration.default('5m').meta({
    description: 'With OnFirstUse: how long after its last request a set stays in memory.',
  }),
  labels: z
    .record(z.string().max(63), z.string().max(253))
    .default({})
    .meta({ description: 'Labels that records and spans carry.' }),
  limits: Limits.default({}).meta({ description: 'What this set may use; unset means as the PDP is configured.' }),
  decisionCache: DecisionCache.default({ entries: 0 }).meta({ description: 'Remembered answers.' }),
});

const RULES_NEED_DOCUMENTS = [
  {
    rule: '!has(self.opa) || has(self.documents)',
    message: 'opa answers from documents: set documents too, if only to {}',
    path: 'opa',
    breaks: ({ opa }: Blocks) => opa !== undefined,
  },
  {
    rule: "!has(self.authzen) || self.authzen.evaluation != 'Rule' || has(self.documents)",
    message: 'authzen.evaluation Rule asks a rule of the documents: set documents too, if only to {}',
    path: 'authzen',
    breaks: ({ authzen }: Blocks) => authzen?.evaluation === 'Rule',
  },
  {
    rule: [
      '!has(self.authzen) || has(self.documents)',
      '!(has(self.authzen.candidates.subject) || has(self.authzen.candidates.resource) || has(self.authzen.candidates.action))',
    ].join(' || '),
    message: 'authzen.candidates are rules of the documents: set documents too, if only to {}',
    path: 'authzen',
    breaks: ({ authzen }: Blocks) => Object.keys(authzen?.candidates ?? {}).length > 0,
  },
  {
    rule: "!has(self.envoy) || self.envoy.result != 'Rule' || has(self.documents)",
    message: 'envoy.result Rule asks a rule of the documents: set documents too, if only to {}',
    path: 'envoy',
    breaks: ({ envoy }: Blocks) => envoy?.result === 'Rule',
  },
] as const;

/** Member names from the input on, as Rego refers to them. */
const InputPath = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[^.\s]+(\.[^.\s]+)*$/);

const ServingBlocks = z.object({
  documents: Documents.optional().meta({
    description:
      'Serve the libraries and the data of the domains as one tree of documents, as OPA does. Needed by the APIs that ask rules.',
  }),
  opa: Opa.optional().meta({ description: 'The OPA data API. Needs documents.' }),
  authzen: AuthZen.optional().meta({ description: 'The AuthZEN API.' }),
  envoy: Envoy.optional().meta({ description: 'Envoy external authorization.' }),
  principal: InputPath.optional().meta({
    description:
      "Where the input of a document names who asks, such as claims.sub: it decides who is in a canary's share. Unset: principal.sub, else subject, else user.",
  }),
  instance: Instance.optional().meta({ description: 'The set as a virtual instance: one tenant of many in a PDP.' }),
});
type Blocks = z.output<typeof ServingBlocks>;

/** How PDPs serve a set besides PORC decisions. It is part of the signed manifest. */
export const Serving = ServingBlocks.superRefine((serving, context) => {
  if (serving.documents !== undefined) return;
  for (const { breaks, message, path } of RULES_NEED_DOCUMENTS) {
    if (breaks(serving)) context.addIssue({ code: 'custom', path: [path], message });
  }
}).meta({
  description: 'Which APIs PDPs serve the set by besides PORC decisions, and how.',
  'x-kubernetes-validations': RULES_NEED_DOCUMENTS.map(({ rule, message }) => ({ rule, message })),
});
export type Serving = z.output<typeof Serving>;

/** What an engine must understand to serve a set in this way, as manifests name it. */
export function servingFeatures(serving: Serving | undefined): readonly string[] {
  if (serving === undefined) return [];
  const blocks = ['documents', 'opa', 'authzen', 'envoy', 'instance'] as const;
  return blocks.filter((block) => serving[block] !== undefined);
}
