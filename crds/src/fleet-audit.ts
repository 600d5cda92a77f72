import { z } from 'zod';
import { FileSource } from './file-source.ts';
import { withRules, type Rule } from './rules.ts';

const MAX_BYTES = 1_099_511_627_776;

const bytes = (min: number, max: number, description: string) => z.int().min(min).max(max).meta({ description });
const milliseconds = (min: number, max: number, description: string) => z.int().min(min).max(max).meta({ description });
const Sync = (description: string) => z.enum(['Always', 'Interval', 'Never']).meta({ description });

/** What a sink of type File keeps unless it says otherwise; bytes of one file, and number of files that are put aside. */
export const AUDIT_ROTATION = { maxBytes: 104_857_600, keep: 10 } as const;

/** Where records lie in a pod unless a volume is mounted elsewhere; the operator gives this folder a volume of its own. */
export const AUDIT_FOLDER = '/var/lib/edict/audit';

const SetPatterns = (description: string) =>
  z
    .array(
      z
        .string()
        .max(320)
        .regex(/^(\*|[a-z0-9.-]+\/(\*|[a-z0-9.-]+))$/),
    )
    .min(1)
    .max(256)
    .meta({ description, 'x-kubernetes-list-type': 'atomic' });

const AbsolutePath = (description: string) =>
  z
    .string()
    .max(512)
    .regex(/^(\/[^/\s]+)+$/)
    .meta({ description });

const Queue = z.object({
  maxBytes: bytes(1024, 17_179_869_184, 'Bytes of records that may wait in memory; default 16 MiB.').optional(),
  maxRecords: z
    .int()
    .min(1)
    .max(100_000_000)
    .optional()
    .meta({ description: 'Records that may wait; default 100000.' }),
  onFull: z.enum(['Block', 'Spill', 'Drop']).default('Drop').meta({
    description: 'When it is full: Block (no decision is given), Spill (to the journal), Drop (and count) the record.',
  }),
  maxWaitMs: milliseconds(0, 60_000, 'With Block: how long a decision waits for room; default 0.').optional(),
});

const Journal = withRules(
  z.object({
    writeAhead: z.boolean().default(false).meta({
      description:
        'Whether every record is in the journal before its decision is given; else only what does not fit in memory.',
    }),
    maxBytes: bytes(4096, MAX_BYTES, 'Bytes that it may have.').default(1_073_741_824),
    segmentBytes: bytes(1024, MAX_BYTES, 'Bytes of one of its files; at most a quarter of maxBytes.').optional(),
    sync: Sync('When it is forced to the disk; default Interval.').optional(),
    syncIntervalMs: milliseconds(1, 600_000, 'How often, with Interval; default 200.').optional(),
    retryMs: milliseconds(1, 600_000, 'How often a disk that failed is tried again; default 1000.').optional(),
    onFull: z.enum(['Block', 'Drop']).optional().meta({
      description: 'When it is full: Block (the default; no decision is given) or Drop the record and count it.',
    }),
  }),
  [
    {
      cel: '!has(self.segmentBytes) || self.segmentBytes * 4 <= self.maxBytes',
      at: 'segmentBytes',
      message: 'segmentBytes is at most a quarter of maxBytes: a segment goes as a whole',
      breaks: ({ segmentBytes = 0, maxBytes }) => segmentBytes * 4 > maxBytes,
    },
  ],
);

const SinkMembers = z.object({
  name: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/)
    .meta({ description: 'Name in metrics and logs.' }),
  type: z.enum(['Stdout', 'File', 'Http']).meta({ description: 'Where records go.' }),
  format: z.enum(['AccessRecord', 'DecisionLog']).optional().meta({
    description: 'Form of records; default: AccessRecord, and DecisionLog for Http.',
  }),
  apis: z
    .array(z.enum(['manetu', 'opa', 'authzen', 'envoy', 'grpc']))
    .min(1)
    .max(5)
    .optional()
    .meta({
      description: 'APIs whose records it takes; default: all.',
      'x-kubernetes-list-type': 'set',
    }),
  sets: SetPatterns('Sets whose records it takes, as namespace/name or namespace/*; default: all.').optional(),
  queue: Queue.optional().meta({ description: 'Records that wait in memory.' }),
  journal: Journal.optional().meta({ description: 'Records on disk, in a volume of its own.' }),
  retry: z
    .object({
      minMs: milliseconds(1, 600_000, 'First pause; default 100.').optional(),
      maxMs: milliseconds(1, 3_600_000, 'Longest pause; default 30000.').optional(),
    })
    .optional()
    .meta({ description: 'Pauses between tries of a delivery that failed; they double.' }),
  path: AbsolutePath(
    `File: the file, below ${AUDIT_FOLDER} or a mountPath of volumeMounts. With several workers each has its own.`,
  ).optional(),
  sync: Sync('File: when it is forced to the disk; default Interval.').optional(),
  syncIntervalMs: milliseconds(1, 600_000, 'File: how often, with Interval; default 1000.').optional(),
  rotate: z
    .object({
      maxBytes: bytes(1024, MAX_BYTES, 'Bytes of one file; default 100 MiB.').optional(),
      maxAgeSeconds: z.int().min(1).max(31_536_000).optional().meta({ description: 'Age of one file; default a day.' }),
      keep: z.int().min(0).max(10_000).optional().meta({ description: 'Files that are kept aside; default 10.' }),
      compress: z.boolean().optional().meta({ description: 'Whether these are compressed; default true.' }),
    })
    .optional()
    .meta({ description: 'File: when it is put aside.' }),
  url: z
    .string()
    .max(2048)
    .regex(/^https?:\/\/[^\s/]+[^\s]*$/)
    .optional()
    .meta({ description: 'Http: where batches are posted.' }),
  body: z.enum(['JsonArray', 'JsonLines']).optional().meta({ description: 'Http: their form; default JsonArray.' }),
  compress: z.boolean().optional().meta({ description: 'Http: whether they are compressed; default true.' }),
  timeoutMs: milliseconds(1, 600_000, 'Http: time for an answer; default 10000.').optional(),
  headers: z
    .record(z.string(), z.string().max(4096))
    .optional()
    .meta({ description: 'Http: further headers. What is secret belongs into tokenFrom.', maxProperties: 32 }),
  tokenFrom: FileSource('token')
    .optional()
    .meta({ description: 'Http: the bearer token, read again for each request.' }),
  caFrom: FileSource('ca.crt').optional().meta({
    description: 'Http: PEM of the authorities of url, in place of those of the system.',
  }),
  batch: z
    .object({
      maxBytes: bytes(1024, 1_073_741_824, 'Bytes; default 1 MiB.').optional(),
      maxRecords: z.int().min(1).max(1_000_000).optional().meta({ description: 'Records; default 10000.' }),
      maxDelayMs: milliseconds(0, 600_000, 'How long the first record waits for others; default 1000.').optional(),
    })
    .optional()
    .meta({ description: 'Http: what is posted at a time.' }),
  deadLetterFile: AbsolutePath(
    'Http: file of the records that the receiver refuses for what they are, in a folder as for path.',
  ).optional(),
});
type SinkValue = z.output<typeof SinkMembers>;

/** Members that only one type of sink has. */
const MEMBERS_OF = {
  File: ['path', 'sync', 'syncIntervalMs', 'rotate'],
  Http: ['url', 'body', 'compress', 'timeoutMs', 'headers', 'tokenFrom', 'caFrom', 'batch', 'deadLetterFile'],
} as const;

const ofOneType = Object.entries(MEMBERS_OF).flatMap(([type, members]) =>
  members.map((member): Rule<SinkValue> => ({
    cel: `self.type == '${type}' || !has(self.${member})`,
    at: member,
    message: `${member} belongs to sinks of type ${type}`,
    breaks: (sink) => sink.type !== type && sink[member] !== undefined,
  })),
);

const Sink = withRules(SinkMembers, [
  {
    cel: "self.type != 'File' || has(self.path)",
    at: 'path',
    message: 'a sink of type File needs a path',
    breaks: ({ type, path }) => type === 'File' && path === undefined,
  },
  {
    cel: "self.type != 'Http' || has(self.url)",
    at: 'url',
    message: 'a sink of type Http needs a url',
    breaks: ({ type, url }) => type === 'Http' && url === undefined,
  },
  {
    cel: "!has(self.queue) || self.queue.onFull != 'Spill' || has(self.journal)",
    at: 'journal',
    message: 'queue.onFull Spill needs a journal: that is where records go',
    breaks: ({ queue, journal }) => queue?.onFull === 'Spill' && journal === undefined,
  },
  ...ofOneType,
]);

const Mask = withRules(
  z.object({
    path: z
      .string()
      .max(512)
      .regex(/^\/(input|result|requested_by|reasons)(\/([^/~]|~[01])+)*$/)
      .meta({ description: 'What is masked: a JSON pointer whose parts may be *.' }),
    action: z.enum(['Remove', 'Replace', 'Hash']).default('Remove').meta({
      description: 'Remove: taken out. Replace: value stands there. Hash: an HMAC with the key of hashKeyFrom.',
    }),
    value: z.string().max(256).optional().meta({ description: 'With Replace: what stands there.' }),
    sets: SetPatterns('Sets whose records are masked so; default: all.').optional(),
  }),
  [
    {
      cel: "(self.action == 'Replace') == has(self.value)",
      at: 'value',
      message: 'value goes with the action Replace',
      breaks: ({ action, value }) => (action === 'Replace') !== (value !== undefined),
    },
  ],
);

/** Where records of decisions go: the settings of docs/audit.md, with Secrets in the place of files. */
export const FleetAudit = withRules(
  z.object({
    sinks: z
      .array(Sink)
      .min(1)
      .max(16)
      .meta({
        description: 'Receivers of records, each with a queue of its own.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      }),
    masks: z
      .array(Mask)
      .max(128)
      .optional()
      .meta({ description: 'What is hidden from all of them.', 'x-kubernetes-list-type': 'atomic' }),
    hashKeyFrom: FileSource('key').optional().meta({ description: 'Key of the action Hash, 16 bytes at least.' }),
    labels: z
      .record(z.string(), z.string().max(253))
      .optional()
      .meta({ description: 'Labels of decision logs.', maxProperties: 32 }),
  }),
  [
    {
      cel: "self.sinks.filter(sink, sink.type == 'Stdout').size() <= 1",
      at: 'sinks',
      message: 'there is one standard output: at most one sink is of type Stdout',
      breaks: ({ sinks }) => sinks.filter(({ type }) => type === 'Stdout').length > 1,
    },
    {
      cel: "has(self.hashKeyFrom) || !has(self.masks) || self.masks.all(mask, mask.action != 'Hash')",
      at: 'hashKeyFrom',
      message: 'the action Hash needs hashKeyFrom',
      breaks: ({ hashKeyFrom, masks = [] }) =>
        hashKeyFrom === undefined && masks.some(({ action }) => action === 'Hash'),
    },
  ],
).superRefine(({ sinks }, context) => {
  // To the apiserver the list is a map by name, so it refuses a second one by itself.
  sinks.forEach(({ name }, index) => {
    if (sinks.findIndex((sink) => sink.name === name) < index) {
      context.addIssue({ code: 'custom', path: ['sinks', index, 'name'], message: 'is there twice' });
    }
  });
});
export type FleetAudit = z.output<typeof FleetAudit>;
