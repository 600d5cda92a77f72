import { z } from 'zod';
import { API_NAMES } from '../../core/session.ts';
import { parseMaskPath } from '../mask/mask-path.ts';

const MIB = 1_048_576;
const bytes = (min: number, max = 1_099_511_627_776) => z.int().min(min).max(max);
const milliseconds = (min: number, max: number) => z.int().min(min).max(max);

const SyncPolicy = z.enum(['Always', 'Interval', 'Never']);

const Batch = z.strictObject({
  maxBytes: bytes(1024, 1_073_741_824).default(MIB),
  maxRecords: z.int().min(1).max(1_000_000).default(10_000),
  maxDelayMs: milliseconds(0, 600_000).default(1_000),
});

const Retry = z.strictObject({
  minMs: milliseconds(1, 600_000).default(100),
  maxMs: milliseconds(1, 3_600_000).default(30_000),
});

const Queue = z.strictObject({
  maxBytes: bytes(1024, 17_179_869_184).default(16 * MIB),
  maxRecords: z.int().min(1).max(100_000_000).default(100_000),
  onFull: z.enum(['Block', 'Spill', 'Drop']).default('Drop'),
  /** For `Block`: how long a decision waits for room before it is refused. */
  maxWaitMs: milliseconds(0, 60_000).default(0),
});

const Journal = z
  .strictObject({
    /** Every record goes to the journal before its decision is given; else only what does not fit in the queue. */
    writeAhead: z.boolean().default(false),
    folder: z.string().min(1).optional(),
    maxBytes: bytes(4096).default(1024 * MIB),
    segmentBytes: bytes(1024).optional(),
    sync: SyncPolicy.default('Interval'),
    syncIntervalMs: milliseconds(1, 600_000).default(200),
    retryMs: milliseconds(1, 600_000).default(1_000),
    onFull: z.enum(['Block', 'Drop']).default('Block'),
  })
  .refine(({ maxBytes, segmentBytes = 0 }) => segmentBytes <= maxBytes / 4, {
    path: ['segmentBytes'],
    error: 'must be at most a quarter of maxBytes: a segment goes as a whole',
  });

/** What all kinds of sinks have. */
const common = {
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'must be lower-case letters, digits and dashes, 63 at most'),
  format: z.enum(['AccessRecord', 'DecisionLog']).default('AccessRecord'),
  apis: z.array(z.enum(API_NAMES)).min(1).optional(),
  sets: z.array(SetPattern()).min(1).optional(),
  queue: Queue.prefault({}),
  journal: Journal.optional(),
  retry: Retry.prefault({}),
};

/** `namespace/name`, `namespace/*` or `*`. */
function SetPattern() {
  return z.string().regex(/^(\*|[a-z0-9.-]+\/(\*|[a-z0-9.-]+))$/, 'must be namespace/name, namespace/* or *');
}

const Stdout = z.strictObject({ ...common, type: z.literal('Stdout') });

const File = z.strictObject({
  ...common,
  type: z.literal('File'),
  path: z.string().regex(/^\//, 'must be an absolute path'),
  sync: SyncPolicy.default('Interval'),
  syncIntervalMs: milliseconds(1, 600_000).default(1_000),
  rotate: z
    .strictObject({
      maxBytes: bytes(1024).default(100 * MIB),
      maxAgeSeconds: z.int().min(1).max(31_536_000).default(86_400),
      keep: z.int().min(0).max(10_000).default(10),
      compress: z.boolean().default(true),
    })
    .prefault({}),
});

const Http = z.strictObject({
  ...common,
  format: common.format.default('DecisionLog'),
  type: z.literal('Http'),
  url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  body: z.enum(['JsonArray', 'JsonLines']).default('JsonArray'),
  compress: z.boolean().default(true),
  timeoutMs: milliseconds(1, 600_000).default(10_000),
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string().regex(/^[\t\x20-\x7e]*$/)).default({}),
  tokenFile: z.string().min(1).optional(),
  caFile: z.string().min(1).optional(),
  batch: Batch.prefault({}),
  /** Where records go that the receiver refuses for what they are; without it they are lost and counted. */
  deadLetterFile: z.string().regex(/^\//, 'must be an absolute path').optional(),
});

const Sink = z.discriminatedUnion('type', [Stdout, File, Http]).superRefine(({ queue, journal }, context) => {
  if (queue.onFull === 'Spill' && journal === undefined) {
    context.addIssue({ code: 'custom', path: ['queue', 'onFull'], message: 'Spill needs a journal' });
  }
});

const Mask = z
  .strictObject({
    path: z.string(),
    action: z.enum(['Remove', 'Replace', 'Hash']).default('Remove'),
    /** For `Replace`. */
    value: z.json().optional(),
    sets: z.array(SetPattern()).min(1).optional(),
  })
  .superRefine(({ path, action, value }, context) => {
    const parsed = parseMaskPath(path);
    if (!parsed.ok) context.addIssue({ code: 'custom', path: ['path'], message: parsed.message });
    if ((action === 'Replace') !== (value !== undefined)) {
      context.addIssue({ code: 'custom', path: ['value'], message: 'goes with the action Replace' });
    }
  });

/** The file of `EDICT_PDP_AUDIT_FILE`, and what the variables say in its place. Described in docs/audit.md. */
export const AuditSettings = z
  .strictObject({
    sinks: z.array(Sink).min(1).max(16),
    masks: z.array(Mask).max(1_000).default([]),
    /** Key of `Hash`: the bytes of a file, 16 at least. */
    hashKeyFile: z.string().min(1).optional(),
    /** Labels of decision logs, beside those of the instance. */
    labels: z.record(z.string(), z.string()).default({}),
  })
  .superRefine(({ sinks, masks, hashKeyFile }, context) => {
    sinks.forEach(({ name, type }, index) => {
      const other = sinks.findIndex((sink) => sink.name === name);
      if (other < index)
        context.addIssue({ code: 'custom', path: ['sinks', index, 'name'], message: 'is there twice' });
      const first = sinks.findIndex((sink) => sink.type === type);
      if (type === 'Stdout' && first < index) {
        context.addIssue({ code: 'custom', path: ['sinks', index, 'type'], message: 'is there twice' });
      }
    });
    masks.forEach(({ action }, index) => {
      if (action === 'Hash' && hashKeyFile === undefined) {
        context.addIssue({ code: 'custom', path: ['masks', index, 'action'], message: 'Hash needs hashKeyFile' });
      }
    });
  });

export type AuditSettings = z.output<typeof AuditSettings>;
export type SinkSettings = AuditSettings['sinks'][number];
export type MaskSettings = AuditSettings['masks'][number];

/** Records to standard output, dropped and counted when nobody reads them. */
export const DEFAULT_AUDIT: AuditSettings = AuditSettings.parse({ sinks: [{ name: 'stdout', type: 'Stdout' }] });

/** Whether a set is among patterns; without patterns every one is. */
export function matchesSet(patterns: readonly string[] | undefined, set: string): boolean {
  if (patterns === undefined) return true;
  return patterns.some((pattern) => (pattern.endsWith('*') ? set.startsWith(pattern.slice(0, -1)) : pattern === set));
}
