import {
  COLLECTOR_VARIABLES,
  ConfigError,
  describeEnvironment,
  HttpUrl,
  readEnvironment,
  unknownVariables,
  type Variables,
} from '@edict/crds';
import { DEFAULT_NETWORK_LIMITS, NETWORK_BUILTINS } from '@edict/engine';
import { FALLBACK_SOURCES_MAX, messageOf, SETS_MAX } from '@edict/protocol';
import { z } from 'zod';
import { AUTHENTICATION_MODES, MODES_WITH_BEARER, MODES_WITH_CERTIFICATE } from './authentication/settings.ts';
import { CORE_DEFAULTS } from './core/decision-core.ts';
import { parseGrpcAddress } from './grpc/grpc-address.ts';
import { GRPC_DEFAULTS } from './grpc/grpc-server.ts';
import { HTTP_DEFAULTS } from './http/http-edge.ts';
import { TRANSPORT_DEFAULTS } from './http/transport/settings.ts';
import { MAX_BATCH } from './http/manetu/batch.ts';
import { AllowedHosts, splitEntries } from './network/allowed-hosts.ts';
import { DEFAULT_RESPONSE_CACHE } from './network/response-cache.ts';
import { TRACE_SAMPLERS } from './observability/tracing.ts';
import { MAX_SET_LABELS } from './observability/set-labels.ts';
import { FALLBACK_TIMES } from './sync/fallback.ts';
import { COMPILE_LIMITS } from './sync/snapshot-compiler.ts';
import { WORKER_VARIABLE } from './workers/worker-variable.ts';

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

/** Empty, or an https URL without query and fragment (AuthZEN 1.0, section 9). */
const PublicUrl = z
  .string()
  .regex(/^(https:\/\/[^\s/?#]+[^\s?#]*)?$/, 'must be an https URL without query and fragment')
  .refine((text) => text === '' || URL.canParse(text), 'must be an https URL without query and fragment');

/** The address of a port of its own, or nothing. */
const HealthListen = z.string().refine((text) => {
  const address = parseGrpcAddress(text);
  return text === '' || (address !== undefined && !('path' in address));
}, 'must be host:port or :port');

/** Permission bits in octal. */
const FileMode = z
  .string()
  .regex(/^0?[0-7]{3}$/, 'must be three octal digits, such as 660')
  .transform((text) => Number.parseInt(text, 8));

const FilePath = z.string().default('');

const FallbackUrl = z.url({ protocol: /^https?$/, error: 'must be http or https URLs' });

const SetName = z.string().regex(/^[a-z0-9.-]+\/[a-z0-9.-]+$/, 'must be namespace/name');

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
  EDICT_PDP_POLICY_PATH: FilePath.meta({
    description: 'Folder or file of PolicyDomains and PolicySets that are served, in the place of an operator.',
  }),
  EDICT_PDP_POLICY_WATCH: z
    .enum(['true', 'false'])
    .default('false')
    .meta({ description: 'Whether these files are served anew when they change; --watch does the same.' }),
  EDICT_PDP_OPERATOR_ADDRESS: z
    .string()
    .regex(/^(.+:[0-9]+)?$/, 'must be host:port')
    .default('')
    .meta({ description: 'host:port of the distribution stream (gRPC over TLS). Required without policy files.' }),
  EDICT_PDP_BUNDLES_URL: z
    .union([z.literal(''), z.url({ protocol: /^https$/, error: 'must be an https URL' })], {
      error: 'must be an https URL',
    })
    .default('')
    .meta({ description: 'https URL that bundles are fetched from. Required without policy files.' }),
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
  EDICT_PDP_DECISIONS: z.enum(['Signed', 'Any']).default('Any').meta({
    description:
      'Signed: only what the operator has signed as decided is served, whoever brings it; the operator sets that for its fleets. Any: for an operator or relay that is older than such signatures.',
  }),
  EDICT_PDP_FALLBACK_SOURCES: Entries.pipe(z.array(FallbackUrl).max(FALLBACK_SOURCES_MAX).readonly()).default([]).meta({
    description:
      'http or https URLs that committed policy is loaded from where there is neither policy nor an operator; more may come from the operator.',
  }),
  EDICT_PDP_FALLBACK_SETS: Entries.pipe(z.array(SetName).max(SETS_MAX).readonly())
    .default([])
    .meta({ description: 'Sets that are loaded so, as namespace/name, besides those served before.' }),
  EDICT_PDP_FALLBACK_CA_FILE: FilePath.meta({
    description: 'PEM of the authorities of these URLs; those of the system if empty.',
  }),
  EDICT_PDP_FALLBACK_TOKEN_FILE: FilePath.meta({
    description: 'Bearer token for these URLs, sent by https alone; none if empty.',
  }),
  EDICT_PDP_FALLBACK_AFTER_MS: whole(0, 3_600_000)
    .default(FALLBACK_TIMES.afterMs)
    .meta({ description: 'Time without the operator after which these URLs are asked.' }),
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
    .meta({ description: 'Requests of one set that may wait for a revision at once.' }),
  EDICT_PDP_MAX_LOAD_WAIT_MS: whole(0, 60_000)
    .default(CORE_DEFAULTS.maxLoadWaitMs)
    .meta({ description: 'The longest that a request waits for the policy of its set to come into memory.' }),
  EDICT_PDP_MAX_LOAD_WAITERS: whole(0, 100_000)
    .default(CORE_DEFAULTS.maxLoadWaiters)
    .meta({ description: 'Requests of one set that may wait for that at once.' }),
  EDICT_PDP_MAX_SET_LABELS: whole(0, 100_000)
    .default(MAX_SET_LABELS)
    .meta({ description: 'Sets that metrics name; the others share the label value other.' }),
  EDICT_PDP_INCLUDE_ALL: z
    .enum(['true', 'false'])
    .default('true')
    .meta({ description: 'Evaluate and record every phase, also when an earlier one has decided.' }),
  EDICT_PDP_REQUEST_TIMEOUT_MS: whole(100, 3_600_000)
    .default(HTTP_DEFAULTS.requestTimeoutMs)
    .meta({ description: 'Time for a client to send its request.' }),
  EDICT_PDP_WORKERS: whole(1, 256).default(1).meta({
    description: 'Processes that answer, sharing the ports; with more than one the first only prepares policy.',
  }),
  EDICT_PDP_HEALTH_LISTEN: HealthListen.default('').meta({
    description:
      'host:port where health, status and metrics are told besides, in clear text and to everybody; nowhere if empty.',
  }),
  EDICT_PDP_UNIX_SOCKET: FilePath.meta({
    description: 'Path of a unix socket that decisions are served on besides; whoever may open it is let in.',
  }),
  EDICT_PDP_UNIX_SOCKET_MODE: FileMode.default(0o660).meta({ description: 'Mode of that socket, in octal.' }),
  EDICT_PDP_TLS_CERT_FILE: FilePath.meta({
    description:
      'PEM of the certificate chain for the ports of decisions; clear text if empty. Read again when it changes.',
  }),
  EDICT_PDP_TLS_KEY_FILE: FilePath.meta({ description: 'PEM of its private key.' }),
  EDICT_PDP_TLS_CLIENT_CA_FILE: FilePath.meta({
    description: 'PEM of the authorities of client certificates; clients are not asked for one if empty.',
  }),
  EDICT_PDP_TLS_RELOAD_MS: whole(100, 3_600_000)
    .default(TRANSPORT_DEFAULTS.tlsReloadMs)
    .meta({ description: 'How often these files are looked at.' }),
  EDICT_PDP_AUTHENTICATION: z
    .enum(AUTHENTICATION_MODES)
    .default('None')
    .meta({ description: 'How callers prove who they are: None, Certificate, Bearer or CertificateOrBearer.' }),
  EDICT_PDP_CALLERS: Entries.default([]).meta({
    description: 'Names of certificates and subjects of tokens that are let in, also with * at the end; all if empty.',
  }),
  EDICT_PDP_JWKS: FilePath.meta({ description: 'URL or file of the keys that bearer tokens are signed with (JWKS).' }),
  EDICT_PDP_JWKS_CA_FILE: FilePath.meta({
    description: 'PEM of the authorities of that URL; those of the system if empty.',
  }),
  EDICT_PDP_TOKEN_ISSUER: z.string().default('').meta({ description: 'The iss that tokens must have.' }),
  EDICT_PDP_TOKEN_AUDIENCES: Entries.default([]).meta({ description: 'Of these, tokens must have one in aud.' }),
  EDICT_PDP_TOKEN_TOLERANCE_MS: whole(0, 600_000)
    .default(30_000)
    .meta({ description: 'How far the clock of the issuer may differ.' }),
  EDICT_PDP_MAX_CONNECTIONS: whole(1, 1_000_000)
    .default(TRANSPORT_DEFAULTS.maxConnections)
    .meta({ description: 'Connections that one worker holds; further ones are closed.' }),
  EDICT_PDP_MAX_REQUESTS: whole(1, 1_000_000)
    .default(TRANSPORT_DEFAULTS.maxRequests)
    .meta({ description: 'Requests that may wait for their answers at one worker; further ones are refused.' }),
  EDICT_PDP_MAX_STREAMS: whole(1, 10_000)
    .default(TRANSPORT_DEFAULTS.maxStreams)
    .meta({ description: 'Requests under way on one HTTP/2 connection.' }),
  EDICT_PDP_CONNECTION_MAX_REQUESTS: whole(0, 1_000_000_000)
    .default(TRANSPORT_DEFAULTS.maxRequestsPerConnection)
    .meta({ description: 'Requests after which an HTTP/1.1 connection is closed; 0 is never.' }),
  EDICT_PDP_KEEP_ALIVE_MS: whole(100, 3_600_000)
    .default(TRANSPORT_DEFAULTS.keepAliveMs)
    .meta({ description: 'Time without a request after which a connection is closed.' }),
  EDICT_PDP_WRITE_TIMEOUT_MS: whole(100, 3_600_000)
    .default(TRANSPORT_DEFAULTS.writeTimeoutMs)
    .meta({ description: 'Time for a client to take its answer.' }),
  EDICT_PDP_COMPILE_TIMEOUT_MS: whole(100, 3_600_000)
    .default(COMPILE_LIMITS.timeoutMs)
    .meta({ description: 'Time that compiling one revision may take.' }),
  EDICT_PDP_COMPILE_MAX_HEAP_MB: whole(64, 65_536)
    .default(COMPILE_LIMITS.maxHeapMb)
    .meta({ description: 'Heap of the thread that compiles a revision, beside the memory of the process.' }),
  EDICT_PDP_DRAIN_DELAY_MS: Milliseconds.default(5000).meta({
    description: 'After SIGTERM: time to go on serving while load balancers notice.',
  }),
  EDICT_PDP_DRAIN_TIMEOUT_MS: Milliseconds.default(15_000).meta({
    description: 'After the delay: time for open requests to end.',
  }),
  EDICT_PDP_AUDIT_FILE: z.string().default('').meta({
    description: 'File of YAML or JSON with sinks of records and masks; with it the variables below count for nothing.',
  }),
  EDICT_PDP_AUDIT_SETTINGS: z.string().default('').meta({
    description: 'The content of such a file, in its place.',
  }),
  EDICT_PDP_AUDIT_FORMAT: z.enum(['AccessRecord', 'DecisionLog']).default('AccessRecord').meta({
    description: 'Form of records on stdout: access records of PORCs, or events of OPA decision logs for all.',
  }),
  EDICT_PDP_AUDIT_BUFFER_BYTES: Bytes.default(16_777_216).meta({
    description: 'Records that may wait for a slow reader of stdout.',
  }),
  EDICT_PDP_AUDIT_ON_FULL: z.enum(['Block', 'Spill', 'Drop']).default('Drop').meta({
    description:
      'When that buffer is full: Block (no decision is given: 503), Spill to a journal on disk, or Drop and count records.',
  }),
  EDICT_PDP_AUDIT_MAX_WAIT_MS: whole(0, 60_000).default(0).meta({
    description: 'With Block: time that a decision waits for room before it is refused.',
  }),
  EDICT_PDP_AUDIT_WRITE_AHEAD: z
    .enum(['true', 'false'])
    .default('false')
    .meta({ description: 'Whether a decision is given only after its record is in the journal on disk.' }),
  EDICT_PDP_AUDIT_JOURNAL_BYTES: whole(4096, 1_099_511_627_776).default(1_073_741_824).meta({
    description: 'Bytes that the journal may have; when it is full, records are dropped, or decisions with Block.',
  }),
  EDICT_PDP_AUDIT_JOURNAL_SYNC: z.enum(['Always', 'Interval', 'Never']).default('Interval').meta({
    description: 'When the journal is forced to the disk: before each decision is given, every 200 ms, or never.',
  }),
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
  EDICT_PDP_PUBLIC_URL: PublicUrl.default('').meta({
    description: 'The https URL that AuthZEN clients know the PDP by; the Host that they name if empty.',
  }),
  EDICT_PDP_PAGE_TOKEN_KEY_FILE: FilePath.meta({
    description: 'File of the key of page tokens of AuthZEN searches, 32 bytes at least; made of the policy if empty.',
  }),
  EDICT_PDP_METADATA_KEY_FILE: FilePath.meta({
    description: 'PEM of the private key that signs the metadata of AuthZEN; they are not signed if empty.',
  }),
  EDICT_PDP_TRACES_URL: HttpUrl.default('').meta({
    description:
      'Where spans of decisions and of work for rollouts go (OTLP over HTTP), such as http://collector:4318/v1/traces; the standard OTEL_… variables do as well.',
  }),
  ...COLLECTOR_VARIABLES,
  OTEL_TRACES_SAMPLER: z
    .enum(TRACE_SAMPLERS)
    .default('parentbased_always_on')
    .meta({ description: 'Which requests are traced; parentbased: as the traceparent header of the request says.' }),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d+)?|1(\.0+)?)$/, 'must be a number from 0 to 1')
    .transform(Number)
    .default(1)
    .meta({ description: 'For samplers by ratio: the share of traces that begin here and are kept.' }),
  EDICT_PDP_LOG_LEVEL: z.enum(['error', 'warn', 'info', 'debug']).default('info').meta({ description: 'Log level.' }),
});

/** The parsed environment. */
export type Config = z.output<typeof Environment>;

/**
 * Reads the configuration. A variable that is empty counts as not set.
 * @throws ConfigError
 */
export function loadConfig(env: Variables): Config {
  const config = readEnvironment(Environment, env, missingIn(env));
  const conflicts = conflictsIn(config);
  if (conflicts.length > 0) throw new ConfigError(conflicts);
  return config;
}

/** Who has no policy files needs an operator. */
function missingIn(env: Variables): readonly string[] {
  const isSet = (name: string): boolean => (env[name] ?? '') !== '';
  if (isSet('EDICT_PDP_POLICY_PATH')) return [];
  return ['EDICT_PDP_OPERATOR_ADDRESS', 'EDICT_PDP_BUNDLES_URL']
    .filter((name) => !isSet(name))
    .map((name) => `${name}: is required without EDICT_PDP_POLICY_PATH`);
}

/** Variables that look like ours and are none. */
export function unknownSettings(env: Variables): readonly string[] {
  return unknownVariables(Environment, 'EDICT_PDP_', env, [WORKER_VARIABLE]);
}

/** What is wrong with variables together that are right each by itself. */
function conflictsIn(config: Config): readonly string[] {
  const mode = config.EDICT_PDP_AUTHENTICATION;
  const hasCertificate = config.EDICT_PDP_TLS_CERT_FILE !== '';
  const hasFiles = config.EDICT_PDP_POLICY_PATH !== '';
  const rules: readonly (readonly [boolean, string])[] = [
    ...(['EDICT_PDP_OPERATOR_ADDRESS', 'EDICT_PDP_BUNDLES_URL'] as const).flatMap((name) => [
      [hasFiles && config[name] !== '', `${name}: means nothing with EDICT_PDP_POLICY_PATH`] as const,
    ]),
    [
      !hasFiles && config.EDICT_PDP_POLICY_WATCH === 'true',
      'EDICT_PDP_POLICY_WATCH: means nothing without EDICT_PDP_POLICY_PATH',
    ],
    [
      config.EDICT_PDP_AUDIT_FILE !== '' && config.EDICT_PDP_AUDIT_SETTINGS !== '',
      'EDICT_PDP_AUDIT_SETTINGS: stands in the place of EDICT_PDP_AUDIT_FILE, so name one of both',
    ],
    [
      config.EDICT_PDP_METADATA_KEY_FILE !== '' && config.EDICT_PDP_PUBLIC_URL === '',
      'EDICT_PDP_METADATA_KEY_FILE: signs the metadata of EDICT_PDP_PUBLIC_URL, which is not set',
    ],
    [
      hasCertificate !== (config.EDICT_PDP_TLS_KEY_FILE !== ''),
      'EDICT_PDP_TLS_KEY_FILE: goes with EDICT_PDP_TLS_CERT_FILE',
    ],
    [
      config.EDICT_PDP_TLS_CLIENT_CA_FILE !== '' && !hasCertificate,
      'EDICT_PDP_TLS_CLIENT_CA_FILE: needs EDICT_PDP_TLS_CERT_FILE',
    ],
    [
      MODES_WITH_CERTIFICATE.has(mode) && config.EDICT_PDP_TLS_CLIENT_CA_FILE === '',
      `EDICT_PDP_TLS_CLIENT_CA_FILE: is required with EDICT_PDP_AUTHENTICATION=${mode}`,
    ],
    [
      mode === 'None' && config.EDICT_PDP_CALLERS.length > 0,
      'EDICT_PDP_CALLERS: lets nobody in and keeps nobody out with EDICT_PDP_AUTHENTICATION=None',
    ],
    ...(['EDICT_PDP_JWKS', 'EDICT_PDP_TOKEN_ISSUER', 'EDICT_PDP_TOKEN_AUDIENCES'] as const).map(
      (name) =>
        [
          MODES_WITH_BEARER.has(mode) && config[name].length === 0,
          `${name}: is required with EDICT_PDP_AUTHENTICATION=${mode}`,
        ] as const,
    ),
  ];
  return rules.flatMap(([isBroken, line]) => (isBroken ? [line] : []));
}

/** The table that `--help` prints: one variable per line with its default. */
export function describeConfig(): string {
  return describeEnvironment(Environment);
}
