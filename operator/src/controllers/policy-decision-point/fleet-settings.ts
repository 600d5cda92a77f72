import { OPERATOR_VARIABLES, type FileSource, type PolicyDecisionPointSpec } from '@edict/crds';
import { auditPart } from './fleet-audit.ts';
import { fileSetting, settings, together, type FleetPart } from './fleet-part.ts';
import type { FleetDefaults } from './fleet-defaults.ts';

/** One environment variable of a container. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string | undefined;
  readonly valueFrom?: object | undefined;
}

/** What the members of a spec are to the PDPs: settings, and files that these name. Pure. */
export function fleetPart(spec: PolicyDecisionPointSpec): FleetPart {
  const { ports, workers, tls, authentication, authzen, traces } = spec;
  const bearer = authentication?.bearer;
  const grpcHost = spec.form === 'Sidecar' ? SIDECAR_HOST : '';
  const tlsFile = (key: string): FileSource | undefined =>
    tls === undefined ? undefined : { secretName: tls.secretName, key };
  return together([
    settings({
      EDICT_PDP_LISTEN_PORT: String(ports.http),
      EDICT_PDP_HEALTH_LISTEN: `:${ports.health}`,
      EDICT_PDP_GRPC_LISTEN: ports.grpc === undefined ? undefined : `${grpcHost}:${ports.grpc}`,
      EDICT_PDP_LOG_LEVEL: spec.logLevel,
      EDICT_PDP_WORKERS: workers === 1 ? undefined : String(workers),
      EDICT_PDP_AUTHENTICATION: authentication?.mode,
      EDICT_PDP_CALLERS: authentication?.callers?.join(','),
      EDICT_PDP_JWKS: bearer?.jwksUrl,
      EDICT_PDP_TOKEN_ISSUER: bearer?.issuer,
      EDICT_PDP_TOKEN_AUDIENCES: bearer?.audiences.join(','),
      EDICT_PDP_PUBLIC_URL: authzen?.publicUrl,
      EDICT_PDP_TRACES_URL: traces?.url,
      OTEL_TRACES_SAMPLER: traces?.sampler,
      OTEL_TRACES_SAMPLER_ARG: traces?.ratio,
    }),
    fileSetting('EDICT_PDP_TLS_CERT_FILE', tlsFile('tls.crt'), 'tls/tls.crt'),
    fileSetting('EDICT_PDP_TLS_KEY_FILE', tlsFile('tls.key'), 'tls/tls.key'),
    fileSetting('EDICT_PDP_TLS_CLIENT_CA_FILE', tls?.clientCa, 'tls/client-ca.crt'),
    fileSetting('EDICT_PDP_JWKS', bearer?.jwksFrom, 'authentication/jwks.json'),
    fileSetting('EDICT_PDP_JWKS_CA_FILE', bearer?.jwksCaFrom, 'authentication/jwks-ca.crt'),
    fileSetting('EDICT_PDP_PAGE_TOKEN_KEY_FILE', authzen?.pageTokenKeyFrom, 'authzen/page-token.key'),
    fileSetting('EDICT_PDP_METADATA_KEY_FILE', authzen?.signingKeyFrom, 'authzen/signing.pem'),
    auditPart(spec.audit),
    spec.form === 'Sidecar' ? sidecarPart(spec) : together([]),
  ]);
}

/** Where sidecars answer: only their own pod reaches them there. */
export const SIDECAR_HOST = '127.0.0.1';

/**
 * A sidecar is asked by its own pod alone, and told to end when that has ended: nobody is left who would have to notice.
 * `settings` may say otherwise.
 */
function sidecarPart({ settings: said = {} }: PolicyDecisionPointSpec): FleetPart {
  const unless = (name: string, value: string) => (Object.hasOwn(said, name) ? {} : { [name]: value });
  return settings({
    ...unless('EDICT_PDP_LISTEN_HOST', SIDECAR_HOST),
    ...unless('EDICT_PDP_DRAIN_DELAY_MS', '0'),
  });
}

/**
 * What pods are told unless the spec says otherwise. Not defaults of the PDP: one that an older operator makes is not told so,
 * and takes the decisions of that operator, which are not signed.
 */
const SUGGESTED = { EDICT_PDP_DECISIONS: 'Signed' } as const;

/**
 * The environment of a PDP. What the operator decides goes before what members say, and that before `settings`: admission
 * refuses what contradicts, and a PDP that dials somebody else would be none of ours.
 */
export function environment(
  spec: PolicyDecisionPointSpec,
  variables: FleetPart['variables'],
  defaults: FleetDefaults,
): readonly EnvironmentVariable[] {
  const decided: readonly EnvironmentVariable[] = [
    { name: 'EDICT_PDP_OPERATOR_ADDRESS', value: defaults.operatorAddress },
    { name: 'EDICT_PDP_BUNDLES_URL', value: defaults.bundlesUrl },
    { name: 'EDICT_PDP_NODE_ID', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.uid' } } },
    // The operator refuses domains that call others, so a PDP that took them would only seem to.
    ...(defaults.allowedBuiltins.length === 0
      ? []
      : [{ name: 'EDICT_PDP_ALLOWED_BUILTINS', value: defaults.allowedBuiltins.join(',') }]),
    ...byName(variables),
  ];
  const taken = new Set([...decided.map(({ name }) => name), ...OPERATOR_VARIABLES]);
  const set = byName(spec.settings ?? {}).filter(({ name }) => !taken.has(name));
  for (const { name } of set) taken.add(name);
  const suggested = byName(SUGGESTED).filter(({ name }) => !taken.has(name));
  for (const { name } of suggested) taken.add(name);
  return [...decided, ...set, ...suggested, ...(spec.env ?? []).filter(({ name }) => !taken.has(name))];
}

function byName(variables: Readonly<Record<string, string>>): readonly EnvironmentVariable[] {
  return Object.entries(variables)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value }));
}
