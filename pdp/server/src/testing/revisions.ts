import {
  canonicalJson,
  createManifest,
  generateSigningKey,
  manifestDigest,
  renderBundle,
  signRevision,
  type Digest,
  type DomainModel,
  type Manifest,
  type Revision,
  type SignedRevision,
  type SigningKey,
} from '@edict/bundle';

/** The set that test revisions are of, unless they say another. */
export const SET = 'harbour/cranes';

/** What a crane operator asks; the decision is a GRANT while `limit` of {@link craneDomain} is at least `tons`. */
export function liftRequest(tons: number): object {
  return {
    principal: { sub: 'ada', mroles: ['mrn:harbour:role:operator'] },
    operation: 'crane:lift',
    resource: 'mrn:harbour:crane:7',
    context: { tons },
  };
}

/** A domain in which operators may lift up to `limit` tons: revisions of it differ in what they grant. */
export function craneDomain(limit: number, change: Partial<DomainModel> = {}): DomainModel {
  const policy = (mrn: string, body: string) => ({
    mrn,
    name: '',
    description: '',
    rego: `package authz\n\n${body}\n`,
    dependencies: [],
  });
  const entity = (mrn: string, policyMrn: string) => ({
    mrn,
    name: '',
    description: '',
    policy: policyMrn,
    annotations: [],
  });
  return {
    name: 'cranes',
    policies: [
      policy('mrn:harbour:policy:gate', 'default allow = 0'),
      policy('mrn:harbour:policy:lift', `default allow = false\n\nallow { input.context.tons <= ${limit} }`),
      policy('mrn:harbour:policy:anyone', 'default allow = true'),
    ],
    libraries: [],
    roles: [entity('mrn:harbour:role:operator', 'mrn:harbour:policy:lift')],
    groups: [],
    resourceGroups: [{ ...entity('mrn:harbour:resource-group:yard', 'mrn:harbour:policy:anyone'), default: true }],
    resources: [],
    scopes: [],
    operations: [{ name: 'crane', selector: ['crane:.*'], policy: 'mrn:harbour:policy:gate' }],
    mappers: [],
    ...change,
  };
}

/** The same domain with any Rego in the place of the operators' policy. */
export function craneDomainWithRego(rego: string): DomainModel {
  const domain = craneDomain(0);
  return {
    ...domain,
    policies: domain.policies.map((policy) => (policy.mrn.endsWith(':lift') ? { ...policy, rego } : policy)),
  };
}

/** The key that test revisions are signed with. */
export const SIGNING_KEY: SigningKey = generateSigningKey();

/** What a PDP trusts: {@link SIGNING_KEY}. */
export const TRUSTED_KEYS: ReadonlyMap<string, string> = new Map([[SIGNING_KEY.keyId, SIGNING_KEY.publicKey]]);

/** A signed revision and every artifact that belongs to it, as an operator has them. */
export interface Published {
  readonly revision: SignedRevision;
  readonly manifest: Manifest;
  readonly artifacts: ReadonlyMap<Digest, Uint8Array>;
}

/** What {@link publish} can be told besides the number and the domains. */
export interface PublishOptions {
  readonly revision?: Partial<Revision>;
  readonly manifest?: Partial<Manifest>;
  readonly key?: SigningKey;
}

/** Renders, lists and signs: revision `n` of {@link SET}. */
export function publish(n: number, domains: readonly DomainModel[], options: PublishOptions = {}): Published {
  const bundles = domains.map((domain) => renderBundle(domain));
  const set = options.revision?.set ?? SET;
  const setUid = options.revision?.setUid ?? `uid of ${set}`;
  const manifest: Manifest = {
    ...createManifest({
      setUid,
      engineMin: '0.1.0',
      policies: domains.reduce((sum, { policies }) => sum + policies.length, 0),
      domains: domains.map(({ name }, index) => {
        const bundle = bundles[index];
        if (bundle === undefined) throw new Error('a domain has no bundle');
        const { digest, size, gzSize } = bundle;
        return { namespace: 'harbour', name, uid: `uid of ${name}`, generation: n, digest, size, gzSize };
      }),
    }),
    ...options.manifest,
  };
  const digest = manifestDigest(manifest);
  const revision: Revision = {
    set,
    setUid,
    n,
    digest,
    parent: n - 1,
    reason: 'Spec',
    createdAt: new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString(),
    ...options.revision,
  };
  return {
    revision: signRevision(revision, (options.key ?? SIGNING_KEY).privateKey),
    manifest,
    artifacts: new Map<Digest, Uint8Array>([
      [digest, new TextEncoder().encode(canonicalJson(manifest))],
      ...bundles.map(({ digest: name, gzip }) => [name, gzip] as const),
    ]),
  };
}
