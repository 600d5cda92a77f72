import { DEFAULT_NETWORK_LIMITS, NETWORK_BUILTINS } from '@edict/engine';
import { messageOf } from '@edict/protocol';
import { z } from 'zod';
import { CORE_DEFAULTS } from './core/decision-core.ts';
import { parseGrpcAddress } from './grpc/grpc-address.ts';
import { GRPC_DEFAULTS } from './grpc/grpc-server.ts';
import { HTTP_DEFAULTS } from './http/http-edge.ts';
import { MAX_BATCH } from './http/manetu/batch.ts';
import { AllowedHosts, splitEntries } from './network/allowed-hosts.ts';
import { DEFAULT_RESPONSE_CACHE } from './network/response-cache.ts';
import { COMPILE_LIMITS } from './sync/snapshot-compiler.ts';

/** A whole number in digits: `Number` alone would take an empty text for 0, and `1e3` or `0x10` besides. */
const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^[0-9]+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min).max(max));

const Port = whole(0, 65_535);
const Milliseconds = whole(0, 3_600_000);
const Bytes = whole(1024, 1_073_741_824);

/** Texts that commas separate. */
const Entries = z.string().transform(splitEntries);

/** Entries of the allow list; the first that is none is named. */
const Hosts = Entries.transform((entries, context) => {
  try {
    new AllowedHosts(entries);
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) });
  }
  return entries;
});

/** An address of the gRPC server, or nothing. */
const GrpcListen = z
  .string()
  .refine((text) => text === '' || parseGrpcAddress(text) !== undefined, 'must be host:port, :port or unix:///path');

/** Every variable the PDP reads, with its default; `--help` prints this table. */
const Environment = z.object({
  EDICT_PDP_LISTEN_HOST: z.string().default('::').meta({ description: 'Address that decisions are served on.' }),
  EDICT_PDP_LISTEN_PORT: Port.default(8181).meta({ description: 'Port that decisions are served on.' }),
  EDICT_PDP_GRPC_LISTEN: GrpcListen.default('').meta({
    description:
      'Where gRPC is served, for Envoy too: host:port, :9191 for every address, or unix:///path; nowhere if empty.',
  }),
  EDICT_PDP_GRPC_MAX_MESSAGE_BYTES: Bytes.default(GRPC_DEFAULTS.maxMessageBytes).meta({
    description: 'Largest message over gRPC.',
  }),
  EDICT_PDP_OPERATOR_ADDRESS: z
    .string()
    .regex(/^.+:[0-9]+$/, 'must be host:port')
    .meta({ description: 'host:port of the distribution stream (gRPC over TLS). Required.' }),
  EDICT_PDP_BUNDLES_URL: z
    .url({ protocol: /^https$/, error: 'must be an https URL' })
    .meta({ description: 'https URL that bundles are fetched from. Required.' }),
  EDICT_PDP_TOKEN_FILE: z
    .string()
    .default('/var/run/secrets/edict/token')
    .meta({ description: 'Projected ServiceAccount token; read again at every connect.' }),
  EDICT_PDP_CA_FILE: z
    .string()
    .default('/etc/edict/trust/ca.crt')
    .meta({ description: 'CA bundle of the operator; read again at every connect.' }),
  EDICT_PDP_KEYS_FILE: z
    .string()
    .default('/etc/edict/trust/keys.json')
    .meta({ description: 'Trusted Ed25519 signing keys by id; read again at every revision.' }),
  EDICT_PDP_DATA_DIR: z
    .string()
    .default('/var/lib/edict')
    .meta({ description: 'Where last-known-good policy is kept.' }),
  EDICT_PDP_NODE_ID: z
    .string()
    .default('')
    .meta({ description: 'Pod UID; for logs. The operator takes it from the token.' }),
  EDICT_PDP_MAX_BODY_BYTES: Bytes.default(HTTP_DEFAULTS.maxBodyBytes).meta({ description: 'Largest request body.' }),
  EDICT_PDP_MAX_STEPS: whole(1000, 1_000_000_000)
    .default(CORE_DEFAULTS.maxSteps)
    .meta({ description: 'Evaluation steps that one decision may take, unless its set says otherwise.' }),
  EDICT_PDP_SET_MAX_CONCURRENT: whole(1, 100_000)
    .default(CORE_DEFAULTS.maxConcurrent)
    .meta({ description: 'Requests to one set that may be under way at once, unless the set says otherwise.' }),
  EDICT_PDP_SET_MAX_BODY_BYTES: Bytes.default(CORE_DEFAULTS.maxBodyBytes).meta({
    description: 'Bytes of the bodies of these requests, unless the set says otherwise.',
  }),
  EDICT_PDP_MAX_BATCH: whole(1, 100_000).default(MAX_BATCH).meta({ description: 'PORCs that one batch may hold.' }),
  EDICT_PDP_MAX_WAIT_MS: whole(0, 60_000)
    .default(CORE_DEFAULTS.maxWaitMs)
    .meta({ description: 'The longest that Policy-Wait counts for.' }),
  EDICT_PDP_MAX_WAITERS: whole(0, 100_000)
    .default(CORE_DEFAULTS.maxWaiters)
    .meta({ description: 'Requests that may wait for a revision at once.' }),
  EDICT_PDP_INCLUDE_ALL: z
    .enum(['true', 'false'])
    .default('true')
    .meta({ description: 'Evaluate and record every phase, also when an earlier one has decided.' }),
  EDICT_PDP_REQUEST_TIMEOUT_MS: whole(100, 3_600_000)
    .default(HTTP_DEFAULTS.requestTimeoutMs)
    .meta({ description: 'Time for a client to send its request.' }),
  EDICT_PDP_COMPILE_TIMEOUT_MS: whole(100, 3_600_000)
    .default(COMPILE_LIMITS.timeoutMs)
    .meta({ description: 'Time that compiling one revision may take.' }),
  EDICT_PDP_COMPILE_MAX_HEAP_MB: whole(64, 65_536)
    .default(COMPILE_LIMITS.maxHeapMb)
    .meta({ description: 'Heap of the thread that compiles a revision, beside the memory of the process.' }),
  EDICT_PDP_DRAIN_DELAY_MS: Milliseconds.default(2000).meta({
    description: 'After SIGTERM: time to go on serving while load balancers notice.',
  }),
  EDICT_PDP_DRAIN_TIMEOUT_MS: Milliseconds.default(15_000).meta({
    description: 'After the delay: time for open requests to end.',
  }),
  EDICT_PDP_AUDIT_BUFFER_BYTES: Bytes.default(16_777_216).meta({
    description: 'Access records that may wait for a slow reader of stdout.',
  }),
  EDICT_PDP_AUDIT_ON_FULL: z
    .enum(['Drop', 'Refuse'])
    .default('Drop')
    .meta({ description: 'When that buffer is full: Drop the record and count it, or Refuse the decision with 503.' }),
  EDICT_PDP_ALLOWED_BUILTINS: Entries.pipe(z.array(z.enum(NETWORK_BUILTINS)).readonly())
    .default([])
    .meta({
      description: 'Built-ins that reach the network and that policies may call: http.send, net.lookup_ip_addr.',
    }),
  EDICT_PDP_ALLOWED_HOSTS: Hosts.default([]).meta({
    description:
      'Hosts that they may reach: names, *.suffix, * for every public one; addresses and networks, which private ones need.',
  }),
  EDICT_PDP_NETWORK_MAX_REQUESTS: whole(1, 1_000)
    .default(DEFAULT_NETWORK_LIMITS.maxRequests)
    .meta({ description: 'Requests that one decision may make.' }),
  EDICT_PDP_NETWORK_TIMEOUT_MS: whole(1, 60_000)
    .default(DEFAULT_NETWORK_LIMITS.timeoutMs)
    .meta({ description: 'Time for a request whose policy does not say.' }),
  EDICT_PDP_NETWORK_MAX_WAIT_MS: whole(1, 60_000)
    .default(DEFAULT_NETWORK_LIMITS.maxWaitMs)
    .meta({ description: 'Time that one decision may wait for all its requests.' }),
  EDICT_PDP_NETWORK_MAX_REQUEST_BYTES: Bytes.default(DEFAULT_NETWORK_LIMITS.maxRequestBytes).meta({
    description: 'Largest request that a policy may make.',
  }),
  EDICT_PDP_NETWORK_MAX_RESPONSE_BYTES: Bytes.default(DEFAULT_NETWORK_LIMITS.maxResponseBytes).meta({
    description: 'Largest response that a policy may get.',
  }),
  EDICT_PDP_NETWORK_CACHE_BYTES: whole(0, 1_073_741_824)
    .default(DEFAULT_RESPONSE_CACHE.maxBytes)
    .meta({ description: 'Responses that are kept for later decisions where policies ask for it; 0 keeps none.' }),
  EDICT_PDP_NETWORK_TLS_FOLDER: z
    .string()
    .default('')
    .meta({ description: 'Folder whose certificates and keys policies may name; none if empty.' }),
  EDICT_PDP_NETWORK_TLS_VARIABLES: Entries.default([]).meta({
    description: 'Variables whose certificates and keys policies may name.',
  }),
  EDICT_PDP_LOG_LEVEL: z.enum(['error', 'warn', 'info', 'debug']).default('info').meta({ description: 'Log level.' }),
});

/** The parsed environment. */
export type Config = z.output<typeof Environment>;

/** The configuration cannot be used; the message lists every problem, one per line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'InvalidConfiguration';
}

/**
 * Reads the configuration. A variable that is empty counts as not set.
 * @throws ConfigError
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const parsed = Environment.safeParse(
    Object.fromEntries(Object.keys(Environment.shape).map((name) => [name, env[name] === '' ? undefined : env[name]])),
  );
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message, code }) => {
    const name = path.join('.');
    const missing = code === 'invalid_type' && (env[name] ?? '') === '';
    return `  ${name}: ${missing ? 'is required' : message}`;
  });
  throw new ConfigError(`invalid configuration:\n${lines.join('\n')}`);
}

/** The table that `--help` prints: one variable per line with its default. */
export function describeConfig(): string {
  return Object.entries(Environment.shape)
    .map(([name, schema]) => {
      const fallback = schema.safeParse(undefined);
      const suffix = fallback.success ? ` (default ${JSON.stringify(fallback.data)})` : '';
      return `  ${name.padEnd(40)}${schema.meta()?.description ?? ''}${suffix}`;
    })
    .join('\n');
}
