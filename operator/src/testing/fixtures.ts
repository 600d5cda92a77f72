import { generateSigningKey, parseBundle, parseManifest, type SigningKey } from '@edict/bundle';
import { API_VERSION, PolicySetSpec, type PolicyDomainSpec } from '@edict/crds';
import {
  createPdpClient,
  dialInMemory,
  PDP_DEFAULTS,
  RefusalError,
  systemClock,
  type DurableRecord,
  type PdpClient,
} from '@edict/protocol';
import { Registry } from 'prom-client';
import { createInlineChecker } from '../compile/inline-checker.ts';
import type { OperatorEvent } from '../events.ts';
import type { OperatorLog } from '../observability/log.ts';
import { fixedSigner } from '../keys/signer.ts';
import { createOperator } from '../operator.ts';
import type { Operator, OperatorOptions } from '../operator-types.ts';
import type { NewObject, Store } from '../store/store.ts';

export const NAMESPACE = 'shop';
export const SIGNING_KEY: SigningKey = generateSigningKey();

/** A policy that permits the subject `who`. */
export function regoPermitting(who: string): string {
  return `package authz\n\ndefault allow = false\n\nallow { input.principal.sub == "${who}" }\n`;
}

/** The spec of a small valid domain. */
export function aDomainSpec(over: Partial<PolicyDomainSpec> = {}): PolicyDomainSpec {
  return {
    policies: [{ mrn: 'mrn:policy:main', name: 'main', rego: regoPermitting('alice') }],
    roles: [{ mrn: 'mrn:role:clerk', name: 'clerk', policy: 'mrn:policy:main' }],
    operations: [{ name: 'all', selector: ['.*'], policy: 'mrn:policy:main' }],
    ...over,
  };
}

/** A PolicyDomain that is not stored yet. */
export function aDomain(name: string, over: Partial<PolicyDomainSpec> = {}): NewObject<'PolicyDomain'> {
  return {
    apiVersion: API_VERSION,
    kind: 'PolicyDomain',
    metadata: { namespace: NAMESPACE, name },
    spec: aDomainSpec(over),
  };
}

/** A PolicySet that is not stored yet. */
export function aSet(name: string, spec: Readonly<Record<string, unknown>> = {}): NewObject<'PolicySet'> {
  return {
    apiVersion: API_VERSION,
    kind: 'PolicySet',
    metadata: { namespace: NAMESPACE, name },
    spec: PolicySetSpec.parse(spec),
  };
}

/** A log that keeps what it is told. */
export function aLog(): OperatorLog & { readonly lines: string[] } {
  const lines: string[] = [];
  const write = (level: string) => (message: string, fields: Readonly<Record<string, unknown>>) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  return { lines, info: write('info'), warn: write('warn'), error: write('error'), debug: write('debug') };
}

export interface StartedOperator {
  readonly operator: Operator;
  readonly events: readonly OperatorEvent[];
  readonly lines: readonly string[];
}

/** The tuning of an operator that waits for nobody. */
export const QUICK_TUNING = { settleMs: 0, spreadMs: 0, heartbeatMs: 50, goneAfterMs: 500 } as const;

/** A running operator over a store, with an inline checker and without waiting times. */
export async function startOperator(store: Store, over: Partial<OperatorOptions> = {}): Promise<StartedOperator> {
  const events: OperatorEvent[] = [];
  const log = aLog();
  const operator = createOperator({
    store,
    signer: fixedSigner(SIGNING_KEY),
    identity: 'operator-0',
    log,
    events: { emit: (event) => events.push(event) },
    registry: new Registry(),
    checker: createInlineChecker(),
    limits: { debounceQuietMs: 10, debounceMaxMs: 200, statusIntervalMs: 20 },
    tuning: QUICK_TUNING,
    ...over,
  });
  await operator.start();
  return { operator, events, lines: log.lines };
}

export interface ConnectedPdp {
  readonly client: PdpClient;
  /** The revision that it serves; 0 for none. */
  readonly served: () => number;
  /** The revision that answers for a share of the principals, and how many ten thousandths of them. */
  readonly canary: () => { readonly n: number; readonly upTo: number } | undefined;
  /** Names of the domains that it serves. */
  readonly domains: () => readonly string[];
}

/** A PDP in this process that fetches, verifies and reads every bundle, but evaluates nothing. */
export function connectPdp(
  operator: Operator,
  set: string,
  index: number,
  options: {
    readonly refuse?: (domains: readonly string[]) => string | undefined;
    /** What its engine understands. Default: nothing in particular. */
    readonly features?: readonly string[];
    /** How often it is heard. Default: 50 ms. */
    readonly heartbeatMs?: number;
  } = {},
  namespace = NAMESPACE,
): ConnectedPdp {
  let served = 0;
  let domains: readonly string[] = [];
  let canary: { readonly n: number; readonly upTo: number } | undefined;
  const prepared = new Map<string, readonly string[]>();
  const records = new Map<string, DurableRecord>();
  const backend = operator.backend();
  const manifestOf = async (digest: string) => {
    const bytes = await backend.getManifest(digest as `sha256:${string}`, new AbortController().signal);
    if (bytes === undefined) throw new Error(`no manifest ${digest}`);
    return parseManifest(bytes);
  };
  const identity = {
    nodeId: `node-${String(index)}`,
    podName: `pdp-${String(index)}`,
    namespace,
    serviceAccount: 'pdp',
    sets: [set],
  };
  const client = createPdpClient({
    config: {
      ...PDP_DEFAULTS,
      engine: { name: 'edict', version: '1.0.0', features: options.features ?? [] },
      heartbeatMs: options.heartbeatMs ?? 50,
    },
    records: new Map(),
    clock: systemClock,
    random: Math.random,
    log: { info: () => undefined, warn: () => undefined },
    backoff: { baseMs: 1, maxMs: 5, healthyMs: 1000, refusedMinMs: 1, refusedMaxMs: 5 },
    dial: dialInMemory(identity, operator.distributor().accept),
    ports: {
      fetchManifest: async ({ revision }) => {
        const manifest = await manifestOf(revision.digest);
        return {
          bundles: manifest.domains.map(({ digest }) => digest),
          totalBytes: manifest.totals.bytes,
          features: manifest.features,
          engineMin: manifest.engineMin,
        };
      },
      fetchBundles: () => Promise.resolve(),
      compile: async (_set, revision) => {
        const names: string[] = [];
        for (const { digest } of (await manifestOf(revision.digest)).domains) {
          const bytes = await backend.getBundle(digest, new AbortController().signal);
          if (bytes === undefined) throw new Error(`no bundle ${digest}`);
          names.push(parseBundle(bytes, { digest }).name);
        }
        const refusal = options.refuse?.(names);
        if (refusal !== undefined) {
          throw new RefusalError('Compile', 'rego_type_error', true, { message: refusal, domain: names[0] ?? '' });
        }
        prepared.set(revision.digest, names);
        return { compileMs: 1, heapDeltaBytes: 1 };
      },
      runTests: () => Promise.resolve({ passed: 0, failed: 0 }),
      persist: (key, record) => {
        records.set(key, record);
        return Promise.resolve();
      },
      swap: (_set, revision) => {
        served = revision.n;
        if (canary !== undefined && canary.n <= revision.n) canary = undefined;
        domains = prepared.get(revision.digest) ?? [];
      },
      split: (_set, revision, { upTo }) => {
        canary = { n: revision.n, upTo };
      },
      retain: () => undefined,
      assigned: () => undefined,
    },
  });
  client.start();
  return { client, served: () => served, canary: () => canary, domains: () => domains };
}

/** Waits until a claim holds. Fails with what was seen last. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  describe: () => unknown = () => '',
  timeoutMs = 30_000,
): Promise<T> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (Date.now() > until)
      throw new Error(`never came true: ${what}; last seen ${JSON.stringify(describe(), null, 1)}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
