import { parseArgs } from 'node:util';
import { z } from 'zod';

const Address = z.string().regex(/^.+:[0-9]+$/, 'must be host:port');
const Port = z
  .string()
  .regex(/^[0-9]{1,5}$/, 'must be a port')
  .transform(Number)
  .pipe(z.number().max(65_535));
const File = z.string().min(1);

/** Every option of `relay`; `--help` prints them. */
const Options = z.strictObject({
  site: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a name of small letters, digits and hyphens')
    .meta({ description: 'Name of this site, as PolicySets name it. Required.' }),
  upstream: Address.meta({ description: "host:port of the hub's distribution stream. Required." }),
  'upstream-bundles': z
    .url({ protocol: /^https$/, error: 'must be an https URL' })
    .meta({ description: "https URL of the hub's manifests and bundles. Required." }),
  'upstream-ca': File.meta({ description: 'PEM file of the CA of the hub. Required.' }),
  'upstream-token': File.optional().meta({ description: 'File of the token that the hub knows this site by.' }),
  'upstream-cert': File.optional().meta({
    description: 'In place of a token: PEM file of the client certificate that the hub knows this site by.',
  }),
  'upstream-key': File.optional().meta({ description: 'PEM file of its key.' }),
  'upstream-server-name': z.string().optional().meta({
    description: "Name in the hub's certificate, if it is not the host of --upstream.",
  }),
  set: z
    .array(z.string().regex(/^[^/\s]+\/[^/\s]+$/, 'must be namespace/name'))
    .min(1)
    .max(2048)
    .meta({ description: 'PolicySet that the site may serve, as namespace/name. Required; may be repeated.' }),
  keys: File.meta({ description: 'keys.json: the Ed25519 keys that sign revisions. Required.' }),
  'state-dir': File.meta({ description: 'Folder for the last known good policy. Required.' }),
  'tls-cert': File.meta({
    description: 'PEM file of the certificate towards the PDPs; read again as it changes. Required.',
  }),
  'tls-key': File.meta({ description: 'PEM file of its key. Required.' }),
  'pdp-tokens': File.optional().meta({
    description: 'JSON file that names the PDPs of the site by the SHA-256 of their tokens.',
  }),
  'pod-selector': z.string().optional().meta({
    description:
      'In place of --pdp-tokens: PDPs are pods of this cluster with these labels, by their ServiceAccount tokens.',
  }),
  lease: z
    .string()
    .regex(/^[^/\s]+\/[^/\s]+$/, 'must be namespace/name')
    .optional()
    .meta({
      description:
        'Lease of this cluster, as namespace/name, by which one of several replicas is the relay of the site; the others wait. Needs --pod-selector.',
    }),
  host: z.string().default('::').meta({ description: 'Address to listen on.' }),
  port: Port.default(9444).meta({ description: 'Port of the streams of PDPs (gRPC over TLS).' }),
  'bundles-port': Port.default(9445).meta({ description: 'Port of manifests and bundles (HTTPS).' }),
  'http-port': Port.default(8080).meta({ description: 'Port of health, metrics and /v1/pdps.' }),
  'log-level': z.enum(['error', 'warn', 'info', 'debug']).default('info').meta({ description: 'Log level.' }),
});

/** The options of one relay. */
export type RelayProgramOptions = z.output<typeof Options>;

/** Reads the arguments after `relay`; throws one error that lists every problem. */
export function parseRelayOptions(args: readonly string[]): RelayProgramOptions {
  const names = Object.keys(Options.shape);
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: Object.fromEntries(names.map((name) => [name, { type: 'string', multiple: name === 'set' } as const])),
  });
  const parsed = Options.safeParse(values);
  if (!parsed.success) throw new Error(`invalid options:\n${z.prettifyError(parsed.error)}`);
  if ((parsed.data['pdp-tokens'] === undefined) === (parsed.data['pod-selector'] === undefined)) {
    throw new Error('invalid options:\n✖ exactly one of --pdp-tokens and --pod-selector says who the PDPs are');
  }
  const { 'upstream-token': token, 'upstream-cert': cert, 'upstream-key': key } = parsed.data;
  if ((cert === undefined) !== (key === undefined) || (token === undefined) === (cert === undefined)) {
    throw new Error(
      'invalid options:\n✖ the hub knows a site by --upstream-token, or by --upstream-cert and --upstream-key',
    );
  }
  if (parsed.data.lease !== undefined && parsed.data['pod-selector'] === undefined) {
    throw new Error('invalid options:\n✖ --lease is about a cluster, where --pod-selector says who the PDPs are');
  }
  return parsed.data;
}

/** What `relay --help` prints. */
export function describeRelay(): string {
  const lines = Object.entries(Options.shape).map(([name, schema]) => {
    const fallback = schema.safeParse(undefined);
    const isShown = fallback.success && fallback.data !== undefined;
    const suffix = isShown ? ` (default ${String(fallback.data)})` : '';
    return `  --${name.padEnd(22)}${schema.meta()?.description ?? ''}${suffix}`;
  });
  return [
    'Usage: edict-operator relay --site NAME --upstream HOST:PORT --upstream-bundles URL --set NAMESPACE/NAME ... [options]',
    '',
    'Relays committed policy of a hub to the PDPs of this site, and keeps it while the hub is away.',
    'It needs no connection from outside, and decides nothing itself.',
    '',
    ...lines,
    '',
  ].join('\n');
}
