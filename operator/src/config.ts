import { describeEnvironment, readEnvironment, unknownVariables, type Variables } from '@edict/crds';
import { z } from 'zod';

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

/** Every variable the operator reads, with its default; `--help` prints this table. */
const Environment = z.object({
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
  EDICT_OPERATOR_HELLO_RATE: z.coerce.number().int().min(1).max(10_000).optional().meta({
    description: 'PDPs that are let in a second; 100 by default.',
  }),
  EDICT_OPERATOR_DRAIN_MS: z.coerce.number().int().min(0).max(600_000).default(3000).meta({
    description: 'How long a leader that stops lets its PDPs leave in order: 10 % a second, or all within this.',
  }),
  EDICT_OPERATOR_FALLBACK_SOURCES: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((url) => url !== ''))
    .pipe(z.array(z.url({ protocol: /^https?$/, error: 'must be http or https URLs' })).max(8))
    .meta({
      description: 'URLs that PDPs are told to load committed policy from while no operator is there, comma-separated.',
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
  EDICT_OPERATOR_LOG_LEVEL: z
    .enum(['error', 'warn', 'info', 'debug'])
    .default('info')
    .meta({ description: 'Log level.' }),
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
