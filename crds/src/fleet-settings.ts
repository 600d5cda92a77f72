import type { Rule } from './rules.ts';

/** What of a spec these rules look at. */
interface Settled {
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly ports: { readonly grpc?: number | undefined };
  readonly tls?: unknown;
  readonly authentication?: unknown;
  readonly audit?: unknown;
  readonly traces?: unknown;
  readonly authzen?: unknown;
}

/** What a member says for these variables, once it is there. */
interface Owner {
  readonly member: string;
  /** CEL of "it is there"; always, without. */
  readonly cel?: string;
  readonly isThere: (spec: Settled) => boolean;
  readonly variables: readonly string[];
}

const OWNERS: readonly Owner[] = [
  {
    member: 'ports.http',
    isThere: () => true,
    variables: ['EDICT_PDP_LISTEN_PORT'],
  },
  { member: 'ports.health', isThere: () => true, variables: ['EDICT_PDP_HEALTH_LISTEN'] },
  { member: 'logLevel', isThere: () => true, variables: ['EDICT_PDP_LOG_LEVEL'] },
  { member: 'workers', isThere: () => true, variables: ['EDICT_PDP_WORKERS'] },
  {
    member: 'ports.grpc',
    cel: 'has(self.ports.grpc)',
    isThere: ({ ports }) => ports.grpc !== undefined,
    variables: ['EDICT_PDP_GRPC_LISTEN'],
  },
  {
    member: 'tls',
    cel: 'has(self.tls)',
    isThere: ({ tls }) => tls !== undefined,
    variables: ['EDICT_PDP_TLS_CERT_FILE', 'EDICT_PDP_TLS_KEY_FILE', 'EDICT_PDP_TLS_CLIENT_CA_FILE'],
  },
  {
    member: 'authentication',
    cel: 'has(self.authentication)',
    isThere: ({ authentication }) => authentication !== undefined,
    variables: [
      'EDICT_PDP_AUTHENTICATION',
      'EDICT_PDP_CALLERS',
      'EDICT_PDP_JWKS',
      'EDICT_PDP_JWKS_CA_FILE',
      'EDICT_PDP_TOKEN_ISSUER',
      'EDICT_PDP_TOKEN_AUDIENCES',
    ],
  },
  {
    member: 'audit',
    cel: 'has(self.audit)',
    isThere: ({ audit }) => audit !== undefined,
    variables: [
      'EDICT_PDP_AUDIT_FILE',
      'EDICT_PDP_AUDIT_SETTINGS',
      'EDICT_PDP_AUDIT_FORMAT',
      'EDICT_PDP_AUDIT_BUFFER_BYTES',
      'EDICT_PDP_AUDIT_ON_FULL',
      'EDICT_PDP_AUDIT_MAX_WAIT_MS',
      'EDICT_PDP_AUDIT_WRITE_AHEAD',
      'EDICT_PDP_AUDIT_JOURNAL_BYTES',
      'EDICT_PDP_AUDIT_JOURNAL_SYNC',
    ],
  },
  {
    member: 'traces',
    cel: 'has(self.traces)',
    isThere: ({ traces }) => traces !== undefined,
    variables: [
      'EDICT_PDP_TRACES_URL',
      'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
      'OTEL_TRACES_SAMPLER',
      'OTEL_TRACES_SAMPLER_ARG',
    ],
  },
  {
    member: 'authzen',
    cel: 'has(self.authzen)',
    isThere: ({ authzen }) => authzen !== undefined,
    variables: ['EDICT_PDP_PUBLIC_URL', 'EDICT_PDP_PAGE_TOKEN_KEY_FILE', 'EDICT_PDP_METADATA_KEY_FILE'],
  },
];

/** Variables that only the operator can know: a PDP with others would not be its own. */
export const OPERATOR_VARIABLES = [
  'EDICT_PDP_OPERATOR_ADDRESS',
  'EDICT_PDP_BUNDLES_URL',
  'EDICT_PDP_TOKEN_FILE',
  'EDICT_PDP_CA_FILE',
  'EDICT_PDP_KEYS_FILE',
  'EDICT_PDP_DATA_DIR',
  'EDICT_PDP_NODE_ID',
] as const;

/** Variables that members of a fleet's spec stand for, besides those that are the operator's. */
export const MEMBER_VARIABLES: readonly string[] = OWNERS.flatMap(({ variables }) => variables);

const NAME = '^(EDICT_PDP|OTEL)_[A-Z0-9_]+$';
const isName = new RegExp(NAME);

const anyOf = (variables: readonly string[]): string =>
  `[${variables.map((name) => `'${name}'`).join(', ')}].exists(name, name in self.settings)`;

const sets = ({ settings }: Settled, variables: readonly string[]): boolean =>
  settings !== undefined && variables.some((name) => Object.hasOwn(settings, name));

/** `settings` are settings of PDPs, and never say what a member says. */
export const SETTINGS_RULES: readonly Rule<Settled>[] = [
  {
    cel: `!has(self.settings) || self.settings.all(name, name.matches('${NAME}'))`,
    at: 'settings',
    message: 'settings are variables that edict-pdp --help lists: EDICT_PDP_… or OTEL_…',
    breaks: ({ settings }) => Object.keys(settings ?? {}).some((name) => !isName.test(name)),
  },
  {
    cel: `!has(self.settings) || !${anyOf(OPERATOR_VARIABLES)}`,
    at: 'settings',
    message: `the operator decides ${OPERATOR_VARIABLES.join(', ')}`,
    breaks: (spec) => sets(spec, OPERATOR_VARIABLES),
  },
  ...OWNERS.map(({ member, cel, isThere, variables }): Rule<Settled> => {
    const there = cel === undefined ? '' : `!${cel} || `;
    return {
      cel: `!has(self.settings) || ${there}!${anyOf(variables)}`,
      at: 'settings',
      message: `${member} says what ${variables.join(', ')} would say: leave the settings out`,
      breaks: (spec) => isThere(spec) && sets(spec, variables),
    };
  }),
];
