import { randomUUID } from 'node:crypto';
import { formatProblem, isError, readDomain, unsafeBuiltinsBut, withoutPlaces } from '@edict/bundle';
import { compileSourcedSnapshot } from './compile-snapshot.ts';
import { systemClock } from './decide-context.ts';
import { decide, decideWithNetwork } from './decide.ts';
import { PolicyEngineError } from './errors.ts';
import { parsePorc, toPorc } from './porc.ts';
import { loadSnapshot } from './snapshot.ts';

import type { DomainModel, Problem, SourcedDomain } from '@edict/bundle';
import type { RegoVersion } from '@edict/rego';
import type { NetworkAccess } from '@edict/rego/network';
import type { AccessRecord, RevisionIdentity } from './access-record.ts';
import type { Clock, DecideContext, Decision } from './decide-context.ts';
import type { DecisionLimits } from './limits.ts';
import type { Snapshot } from './snapshot.ts';

/** A PolicyDomain: YAML or JSON text, text with the file name to use in messages, or a model that was read already. */
export type DomainSource = string | Uint8Array | DomainText | DomainModel;

/** A PolicyDomain's text and the name that problems call it by. */
export interface DomainText {
  readonly file: string;
  readonly text: string | Uint8Array;
}

/** What an embedded engine is made of. Only `domains` is needed. */
export interface PolicyEngineOptions {
  readonly domains: readonly DomainSource[];
  /**
   * Takes each access record before its decision is given. If it throws or rejects, `authorize` rejects with
   * `AuditFailed`, unless `onAuditError` is set. Default: records are made for the caller only.
   */
  readonly audit?: (record: AccessRecord) => void | Promise<void>;
  /** Is told that a record could not be written; the decision is given nevertheless. */
  readonly onAuditError?: (error: unknown, record: AccessRecord) => void;
  /** Evaluate and record all phases even if an early one decides. Default true. */
  readonly includeAll?: boolean;
  /** Built-ins that policies may not call. Default `http.send`, unless `network` allows it. */
  readonly unsafeBuiltins?: readonly string[];
  /** What policies may ask the network. Default: nothing. */
  readonly network?: NetworkAccess;
  /** Language of policies that do not say which. Default `v0`. */
  readonly regoVersion?: RegoVersion;
  /** Values that every record carries; see `resolveAuditEnv`. */
  readonly env?: Readonly<Record<string, string>>;
  /** The revision that the domains are, for records. */
  readonly revision?: RevisionIdentity;
  readonly limits?: DecisionLimits;
  readonly clock?: Clock;
  readonly newId?: () => string;
}

/** How one request is decided. */
export interface AuthorizeOptions {
  /** Decide without an access record. Default false. */
  readonly probe?: boolean;
}

/** A policy decision point inside the process. Any number of them, each with its own domains, can live side by side. */
export interface PolicyEngine {
  /**
   * Decides one request: an object, or JSON text.
   * @throws PolicyEngineError `InvalidPorc` if it is not a JSON object, `AuditFailed` if its record was refused
   */
  readonly authorize: (porc: unknown, options?: AuthorizeOptions) => Promise<Decision>;
  /**
   * Swaps to other domains at once, keeping the old ones if the new ones are wrong.
   * @throws PolicyEngineError `InvalidDomains`
   */
  readonly replaceDomains: (domains: readonly DomainSource[], revision?: RevisionIdentity) => Promise<void>;
  /** What decides now. */
  readonly snapshot: Snapshot;
}

/**
 * Makes an engine from domains.
 * @throws PolicyEngineError `InvalidDomains`, with every problem by file, entity, line and column
 */
export async function createPolicyEngine(options: PolicyEngineOptions): Promise<PolicyEngine> {
  return Promise.resolve(new EmbeddedEngine(options));
}

class EmbeddedEngine implements PolicyEngine {
  readonly #options: PolicyEngineOptions;
  readonly #clock: Clock;
  readonly #newId: () => string;
  #active: { readonly snapshot: Snapshot; readonly revision: RevisionIdentity | undefined };

  constructor(options: PolicyEngineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#newId = options.newId ?? randomUUID;
    this.#active = { snapshot: prepare(options, options.domains, undefined), revision: options.revision };
  }

  get snapshot(): Snapshot {
    return this.#active.snapshot;
  }

  readonly authorize = async (porc: unknown, options: AuthorizeOptions = {}): Promise<Decision> => {
    const parsed = typeof porc === 'string' || porc instanceof Uint8Array ? parsePorc(porc) : toPorc(porc);
    if (!parsed.ok) throw new PolicyEngineError('InvalidPorc', parsed.message);
    const { includeAll, env, limits, network } = this.#options;
    const { snapshot, revision } = this.#active;
    const { probe } = options;
    const context: DecideContext = {
      ...{ clock: this.#clock, newId: this.#newId, revision },
      ...{ probe, includeAll, env, limits },
    };
    const decision =
      network !== undefined && snapshot.usesNetwork
        ? await decideWithNetwork(snapshot, parsed.porc, context, network)
        : decide(snapshot, parsed.porc, context);
    if (decision.record !== undefined) await this.#audit(decision.record);
    return decision;
  };

  readonly replaceDomains = async (domains: readonly DomainSource[], revision?: RevisionIdentity): Promise<void> => {
    this.#active = { snapshot: prepare(this.#options, domains, this.#active.snapshot), revision };
    return Promise.resolve();
  };

  async #audit(record: AccessRecord): Promise<void> {
    const { audit, onAuditError } = this.#options;
    if (audit === undefined) return;
    try {
      await audit(record);
    } catch (error) {
      if (onAuditError === undefined) {
        throw new PolicyEngineError('AuditFailed', 'the access record could not be written', { cause: error });
      }
      onAuditError(error, record);
    }
  }
}

function prepare(
  { network, unsafeBuiltins = unsafeBuiltinsBut(network?.allowedBuiltins ?? []), regoVersion }: PolicyEngineOptions,
  domains: readonly DomainSource[],
  previous: Snapshot | undefined,
): Snapshot {
  const sourced: SourcedDomain[] = [];
  const problems: Problem[] = [];
  for (const [index, source] of domains.entries()) {
    const read = sourcedDomain(source, `domains[${String(index)}]`);
    if (read.ok) sourced.push(read.domain);
    else problems.push(...read.problems);
  }
  if (problems.length > 0) throw invalidDomains(problems);
  const result = compileSourcedSnapshot(sourced, { unsafeBuiltins, regoVersion, earlier: previous?.compiled });
  if (!result.ok) throw invalidDomains(result.problems);
  return loadSnapshot(result.compiled, previous);
}

type Read =
  { readonly ok: true; readonly domain: SourcedDomain } | { readonly ok: false; readonly problems: readonly Problem[] };

function sourcedDomain(source: DomainSource, label: string): Read {
  if (typeof source === 'object' && 'policies' in source) return { ok: true, domain: withoutPlaces(source, label) };
  const { file, text } = typeof source === 'object' && 'text' in source ? source : { file: label, text: source };
  const result = readDomain(text, file);
  return result.ok ? { ok: true, domain: result } : { ok: false, problems: result.problems.filter(isError) };
}

function invalidDomains(problems: readonly Problem[]): PolicyEngineError {
  const lines = problems.map((problem) => `  ${formatProblem(problem)}`);
  return new PolicyEngineError('InvalidDomains', `the domains cannot be loaded:\n${lines.join('\n')}`, { problems });
}
