import {
  COLLECTOR_VARIABLES,
  describeEnvironment,
  HttpUrl,
  readEnvironment,
  unknownVariables,
  type Variables,
} from '@edict/crds';
import { z } from 'zod';
import { CERTIFICATE_TIMES, timesProblem } from './certificates/plan.ts';

const DAY_MS = 86_400_000;
const Lifetime = z.coerce
  .number()
  .int()
  .min(30_000)
  .max(3_650 * DAY_MS);
const Port = z.coerce.number().int().min(0).max(65_535);
const Name = z.string().min(1).max(253);
const Header = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/)
  .transform((text) => text.toLowerCase());
const List = z
  .string()
  .default('')
  .transform((text) => text.split(',').filter((part) => part !== ''));

/** Sites by the service account (`namespace/name`) of their relays. */
function parseRelays(text: string, context: z.RefinementCtx): ReadonlyMap<string, string> {
  const sites = new Map<string, string>();
  for (const entry of text.split(',').filter((part) => part.trim() !== '')) {
    const [, site, account] = /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)=([^/\s]+\/[^/\s]+)$/.exec(entry.trim()) ?? [];
    if (site === undefined || account === undefined) {
      context.addIssue({ code: 'custom', message: `'${entry.trim()}' is not site=namespace/serviceaccount` });
    } else if (sites.has(account)) {
      context.addIssue({ code: 'custom', message: `${account} is the service account of two sites` });
    } else sites.set(account, site);
  }
  return sites;
}

/** Sites by a name (DNS or URI) in the certificate of their relays. */
function parseRelayCertificates(text: string, context: z.RefinementCtx): ReadonlyMap<string, string> {
  const sites = new Map<string, string>();
  for (const entry of text.split(',').filter((part) => part.trim() !== '')) {
    const [, site, name] = /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)=([^\s"]+)$/.exec(entry.trim()) ?? [];
    if (site === undefined || name === undefined) {
      context.addIssue({ code: 'custom', message: `'${entry.trim()}' is not site=name` });
    } else if (sites.has(name)) {
      context.addIssue({ code: 'custom', message: `${name} is the name of two sites` });
    } else sites.set(name, site);
  }
  return sites;
}

/** Every variable the operator reads, with its default; `--help` prints this table. */
const Environment = z
  .object({
    EDICT_OPERATOR_NAMESPACE: Name.meta({ description: 'Namespace that the operator runs in. Required.' }),
    EDICT_OPERATOR_POD_NAME: Name.meta({ description: 'Name of this pod; identifies this replica. Required.' }),
    EDICT_OPERATOR_POD_IP: z.string().min(1).meta({ description: 'Address that PDPs reach this pod at. Required.' }),
    EDICT_OPERATOR_SERVICE_ACCOUNT: Name.default('edict-operator').meta({
      description: 'Service account of this pod: the only one that may write bundles and revisions.',
    }),
    EDICT_OPERATOR_PDP_IMAGE: z.string().min(1).meta({ description: 'Image of the PDPs that name none. Required.' }),
    EDICT_OPERATOR_PDP_IMAGE_PULL_POLICY: z
      .enum(['Always', 'IfNotPresent', 'Never'])
      .default('IfNotPresent')
      .meta({ description: 'Pull policy of that image.' }),
    EDICT_OPERATOR_WEBHOOK_SERVICE: Name.default('edict-webhook').meta({ description: 'Service of the webhook.' }),
    EDICT_OPERATOR_DISTRIBUTION_SERVICE: Name.default('edict-distribution').meta({
      description: 'Service that PDPs dial.',
    }),
    EDICT_OPERATOR_WEBHOOK_CONFIGURATION: z
      .string()
      .default('')
      .meta({ description: 'ValidatingWebhookConfiguration whose caBundle is kept; none if empty.' }),
    EDICT_OPERATOR_INJECTION_CONFIGURATION: z.string().default('').meta({
      description:
        'MutatingWebhookConfiguration that injects sidecars, whose caBundle is kept; the one named <it>-selectors is filled by the leader. None if empty.',
    }),
    EDICT_OPERATOR_CERTIFICATE_SECRET: Name.default('edict-certificates').meta({
      description: 'Secret of the certificate authority and serving certificate.',
    }),
    EDICT_OPERATOR_SIGNING_KEY_SECRET: Name.default('edict-signing-key').meta({
      description: 'Secret of the key that signs revisions.',
    }),
    EDICT_OPERATOR_TRUST_CONFIGMAP: Name.default('edict-ca').meta({
      description: 'ConfigMap with CA and signing keys, kept in every namespace that has PDPs.',
    }),
    EDICT_OPERATOR_LEASE: Name.default('edict-operator').meta({ description: 'Lease that elects the leader.' }),
    EDICT_OPERATOR_POD_SELECTOR: z
      .string()
      .default('app.kubernetes.io/component=pdp')
      .meta({ description: 'Labels that every PDP pod has; a PolicySet narrows further.' }),
    EDICT_OPERATOR_LISTEN_HOST: z.string().default('::').meta({ description: 'Address to listen on.' }),
    EDICT_OPERATOR_HTTP_PORT: Port.default(8080).meta({ description: 'Health, metrics, status.' }),
    EDICT_OPERATOR_WEBHOOK_PORT: Port.default(9443).meta({ description: 'Admission webhook (HTTPS).' }),
    EDICT_OPERATOR_DISTRIBUTION_PORT: Port.default(9444).meta({ description: 'Streams of the PDPs (gRPC over TLS).' }),
    EDICT_OPERATOR_BUNDLES_PORT: Port.default(9445).meta({ description: 'Manifests and bundles (HTTPS).' }),
    EDICT_OPERATOR_CONSOLE_PORT: Port.optional().meta({ description: 'Web console and its API (HTTPS); unset: none.' }),
    EDICT_OPERATOR_CONSOLE_SERVICE: Name.default('edict-console').meta({ description: 'Service of the console.' }),
    EDICT_OPERATOR_CONSOLE_PROXY_CA: z.string().default('').meta({
      description:
        'File with the authority (PEM) of proxies that may say who asks, by client certificate; empty: none may, and tokens alone count.',
    }),
    EDICT_OPERATOR_CONSOLE_PROXY_NAMES: List.meta({
      description: 'Common names that such a certificate may have, comma-separated; empty: any of that authority.',
    }),
    EDICT_OPERATOR_CONSOLE_USER_HEADER: Header.default('x-remote-user').meta({
      description: 'Header by which a proxy names the user.',
    }),
    EDICT_OPERATOR_CONSOLE_GROUP_HEADER: Header.default('x-remote-group').meta({
      description: 'Header by which a proxy names a group of the user; repeated.',
    }),
    EDICT_OPERATOR_MANETU_GROUP: z.enum(['Off', 'Serve', 'Release']).default('Off').meta({
      description:
        'What to do about PolicyDomains of iamlite.manetu.io: nothing, serve them, or let those go that were served before.',
    }),
    EDICT_OPERATOR_CONVERSION_SERVICE: Name.default('edict-conversion').meta({
      description: 'Service of the conversion webhook, where the group is served.',
    }),
    EDICT_OPERATOR_CONVERSION_SECRET: Name.default('edict-conversion-certificate').meta({
      description: 'Secret of the authority and serving certificate of the conversion webhook.',
    }),
    EDICT_OPERATOR_HELLO_RATE: z.coerce.number().int().min(1).max(10_000).optional().meta({
      description: 'PDPs that are let in a second; 100 by default.',
    }),
    EDICT_OPERATOR_DRAIN_MS: z.coerce.number().int().min(0).max(600_000).default(3000).meta({
      description: 'How long a leader that stops lets its PDPs leave in order: 10 % a second, or all within this.',
    }),
    EDICT_OPERATOR_WEBHOOK_DRAIN_MS: z.coerce.number().int().min(0).max(600_000).default(5000).meta({
      description:
        'How long the webhook of a replica that stops goes on answering, while its Service forgets the replica.',
    }),
    EDICT_OPERATOR_FOLLOWERS: z.enum(['Redirect', 'Tunnel']).default('Redirect').meta({
      description:
        'What replicas that do not lead do with PDPs that dial them: send them away, or take their streams and carry them to the leader.',
    }),
    EDICT_OPERATOR_REPLICA_TOKEN_FILE: z.string().min(1).default('/var/run/secrets/edict-replica/token').meta({
      description: 'File with the token (audience edict-replica) by which replicas know each other, for such tunnels.',
    }),
    EDICT_OPERATOR_FALLBACK_SOURCES: z
      .string()
      .default('')
      .transform((text) => text.split(',').filter((url) => url !== ''))
      .pipe(z.array(z.url({ protocol: /^https?$/, error: 'must be http or https URLs' })).max(8))
      .meta({
        description:
          'URLs that PDPs are told to load committed policy from while no operator is there, comma-separated.',
      }),
    EDICT_OPERATOR_ALLOWED_BUILTINS: z
      .string()
      .default('')
      .transform((text) => text.split(',').filter((name) => name !== ''))
      .pipe(z.array(z.enum(['http.send', 'net.lookup_ip_addr'])))
      .meta({
        description:
          'Network built-ins that policies may call, comma-separated: http.send, net.lookup_ip_addr. PDPs get the same list; the hosts are set at the fleet (EDICT_PDP_ALLOWED_HOSTS).',
      }),
    EDICT_OPERATOR_RELAYS: z.string().default('').transform(parseRelays).meta({
      description:
        'Relays of other sites that may connect, comma-separated, as site=namespace/serviceaccount. The sets of a site are those that name it.',
    }),
    EDICT_OPERATOR_SIGNING_KEY_STATUS: Name.default('edict-signing-key').meta({
      description:
        'ConfigMap that shows where the signing keys stand and takes wishes about them (docs/key-rotation.md).',
    }),
    EDICT_OPERATOR_SIGNING_KEY_OVERLAP_MS: z.coerce
      .number()
      .int()
      .min(1_000)
      .max(90 * DAY_MS)
      .default(600_000)
      .meta({
        description:
          'A new signing key is trusted for at least this long before it signs, and an old one as long after.',
      }),
    EDICT_OPERATOR_SIGNING_KEY_ROTATE_DAYS: z.coerce.number().int().min(1).max(3_650).optional().meta({
      description: 'Age at which the signing key is replaced without being asked; never by default.',
    }),
    EDICT_OPERATOR_AUTHORITY_LIFETIME_MS: Lifetime.default(CERTIFICATE_TIMES.authorityMs).meta({
      description: 'Life of the certificate authority that the operator makes. It is replaced when a third remains.',
    }),
    EDICT_OPERATOR_CERTIFICATE_LIFETIME_MS: Lifetime.default(CERTIFICATE_TIMES.servingMs).meta({
      description: 'Life of the certificate of the webhook and of the streams. It is replaced when a third remains.',
    }),
    EDICT_OPERATOR_CERTIFICATE_OVERLAP_MS: z.coerce
      .number()
      .int()
      .min(1_000)
      .max(365 * DAY_MS)
      .default(CERTIFICATE_TIMES.overlapMs)
      .meta({ description: 'A new authority is trusted for this long before it signs.' }),
    EDICT_OPERATOR_RELAY_CA_FILE: z.string().default('').meta({
      description: 'File with the authorities (PEM) of the client certificates of relays; empty: relays have tokens.',
    }),
    EDICT_OPERATOR_RELAY_CERTIFICATES: z.string().default('').transform(parseRelayCertificates).meta({
      description: 'Relays that are known by a certificate, comma-separated, as site=name, by a DNS name or URI in it.',
    }),
    EDICT_OPERATOR_TRACES_URL: HttpUrl.default('').meta({
      description:
        'Where spans of rollouts go (OTLP over HTTP), such as http://collector:4318/v1/traces; the standard OTEL_… variables do as well.',
    }),
    ...COLLECTOR_VARIABLES,
    EDICT_OPERATOR_LOG_LEVEL: z
      .enum(['error', 'warn', 'info', 'debug'])
      .default('info')
      .meta({ description: 'Log level.' }),
  })
  .superRefine((config, context) => {
    const problem = timesProblem({
      authorityMs: config.EDICT_OPERATOR_AUTHORITY_LIFETIME_MS,
      servingMs: config.EDICT_OPERATOR_CERTIFICATE_LIFETIME_MS,
      overlapMs: config.EDICT_OPERATOR_CERTIFICATE_OVERLAP_MS,
    });
    if (problem !== undefined)
      context.addIssue({ code: 'custom', path: ['EDICT_OPERATOR_AUTHORITY_LIFETIME_MS'], message: problem });
  });

/** The parsed environment. */
export type Config = z.output<typeof Environment>;

/**
 * Reads the configuration. A variable that is empty counts as not set.
 * @throws ConfigError
 */
export function loadConfig(env: Variables): Config {
  return readEnvironment(Environment, env);
}

/** Variables that look like ours and are none. */
export function unknownSettings(env: Variables): readonly string[] {
  return unknownVariables(Environment, 'EDICT_OPERATOR_', env);
}

/** The table that `--help` prints: one variable per line with its default. */
export function describeConfig(): string {
  return describeEnvironment(Environment);
}
