import {
  checkDomains,
  defaultUnsafeBuiltins,
  documentCompileOptions,
  documentCompileProblems,
  gatherDocuments,
  indexDomains,
  isError,
  policyFingerprint,
  policyModules,
  Unencodable,
  withoutPlaces,
} from '@edict/bundle';
import { mapperEntrypoint, policyEntrypoint } from './evaluation.ts';
import { ProgramStore } from './program-store.ts';
import type { DomainIndex, DomainModel, Problem, Serving, SourcedDomain } from '@edict/bundle';
import type { AnnotationEntry, AnnotationValue, OperationEntity, RoleEntity } from '@edict/bundle';
import type { CompileOptions, RegoModule, RegoVersion } from '@edict/rego';
import type {
  CompiledAnnotation,
  CompiledDocuments,
  CompiledDomain,
  CompiledEntity,
  CompiledPolicy,
  CompiledSnapshot,
  MergeValue,
} from './compiled-snapshot.ts';

/** One thing that keeps domains from becoming a snapshot: names file, entity, line and column so far as they are known. */
export type SnapshotProblem = Problem;

/** How domains are compiled. */
export interface CompileSnapshotOptions {
  /** Built-ins that policies and libraries may not call; mappers may call all. Default `http.send`. */
  readonly unsafeBuiltins?: readonly string[] | undefined;
  /** Language of policies that do not say which. Default `v0`. */
  readonly regoVersion?: RegoVersion | undefined;
  /** How the set is served; with `documents` these are compiled too. Default: PORC decisions only. */
  readonly serving?: Serving | undefined;
  /** An earlier snapshot, whose unchanged programs need not be compiled again. */
  readonly earlier?: CompiledSnapshot | undefined;
}

/** A snapshot, or everything that is wrong with the domains. */
export type CompileSnapshotResult =
  | { readonly ok: true; readonly compiled: CompiledSnapshot }
  | { readonly ok: false; readonly problems: readonly SnapshotProblem[] };

/**
 * Checks domains and compiles them to a snapshot. Their order counts: of several with one name the first is used and the
 * others are ignored; ids that several domains define are found in the first of them. No domains make a snapshot that
 * denies everything. Deterministic; never throws for anything that domains can contain.
 */
export function compileSnapshot(
  domains: readonly DomainModel[],
  options: CompileSnapshotOptions = {},
): CompileSnapshotResult {
  return compileSourcedSnapshot(
    domains.map((domain) => withoutPlaces(domain, domain.name)),
    options,
  );
}

/** The same for domains that were read from files, so that problems point into these. */
export function compileSourcedSnapshot(
  sourced: readonly SourcedDomain[],
  options: CompileSnapshotOptions = {},
): CompileSnapshotResult {
  const { unsafeBuiltins = defaultUnsafeBuiltins, regoVersion = 'v0', serving = {} } = options;
  const store = new ProgramStore(options.earlier);
  const problems = checkDomains(sourced, { unsafeBuiltins, regoVersion, compile: store.compile }).filter(isError);
  if (problems.length > 0) return { ok: false, problems };
  const index = indexDomains(sourced.map(({ domain }) => domain));
  const compiled = { ...new SnapshotBuilder(index, store, { unsafeBuiltins, regoVersion }).build(), serving };
  if (serving.documents === undefined) return { ok: true, compiled };
  const documents = compileDocuments(sourced, serving.documents.policies, store, { unsafeBuiltins, regoVersion });
  return documents.ok ? { ok: true, compiled: { ...compiled, documents: documents.compiled } } : documents;
}

type DocumentsResult =
  | { readonly ok: true; readonly compiled: CompiledDocuments }
  | { readonly ok: false; readonly problems: readonly SnapshotProblem[] };

function compileDocuments(
  sourced: readonly SourcedDomain[],
  policies: readonly string[],
  store: ProgramStore,
  { unsafeBuiltins, regoVersion }: ProgramOptions,
): DocumentsResult {
  const gathered = gatherDocuments(sourced, policies, regoVersion);
  if (!gathered.ok) return gathered;
  const { sources } = gathered;
  const problems = documentCompileProblems(sources, { compile: store.compile, unsafeBuiltins, regoVersion });
  if (problems.length > 0) return { ok: false, problems };
  const program = store.get(sources.modules, documentCompileOptions(regoVersion, unsafeBuiltins));
  if (program === undefined) throw new Error('the documents passed the checks but do not compile');
  return { ok: true, compiled: { program, data: sources.data } };
}

type ProgramOptions = Required<Pick<CompileOptions, 'unsafeBuiltins' | 'regoVersion'>>;

/** An entity of one section together with its domain; the section lists them in the order in which ids are found. */
interface Located<E> {
  readonly domain: DomainModel;
  readonly entity: E;
}

class SnapshotBuilder {
  readonly #index: DomainIndex;
  readonly #store: ProgramStore;
  readonly #options: ProgramOptions;
  readonly #policies: Section<DomainModel['policies'][number]>;
  readonly #roles: Section<RoleEntity>;
  readonly #resourceGroups: Section<DomainModel['resourceGroups'][number]>;

  constructor(index: DomainIndex, store: ProgramStore, options: ProgramOptions) {
    this.#index = index;
    this.#store = store;
    this.#options = options;
    this.#policies = new Section(index.domains, ({ policies }) => policies);
    this.#roles = new Section(index.domains, ({ roles }) => roles);
    this.#resourceGroups = new Section(index.domains, ({ resourceGroups }) => resourceGroups);
  }

  build(): Omit<CompiledSnapshot, 'serving' | 'documents'> {
    const { domains } = this.#index;
    const groups = new Section(domains, (domain) => domain.groups).items;
    const scopes = new Section(domains, (domain) => domain.scopes).items;
    const policies = this.#policies.items.map((located) => this.#policy(located));
    const compiledDomains = domains.map((domain) => this.#domain(domain));
    return {
      format: 1,
      programs: this.#store.programs,
      policies,
      roles: this.#roles.items.map((located) => this.#entity(located)),
      scopes: scopes.map((located) => this.#entity(located)),
      resourceGroups: this.#resourceGroups.items.map((located) => this.#entity(located)),
      groups: groups.map(({ domain, entity: { mrn, roles, annotations } }) => ({
        mrn,
        roles: roles.map((id) => ({ id, role: this.#roles.find(id, domain) })),
        annotations: compiledAnnotations(annotations),
      })),
      domains: compiledDomains,
      defaultResourceGroup: this.#resourceGroups.items.findIndex(({ entity }) => entity.default),
    };
  }

  #policy({ domain, entity: { mrn } }: Located<DomainModel['policies'][number]>): CompiledPolicy {
    const ref = { domain: domain.name, mrn };
    const program = this.#program(policyModules(this.#index, ref), policyEntrypoint, this.#options.unsafeBuiltins);
    return { mrn, fingerprint: policyFingerprint(this.#index, ref), program };
  }

  /** Qualified references do not work here: the text as a whole is the id, looked for in all domains. */
  #entity({ domain, entity }: Located<RoleEntity>): CompiledEntity {
    const { mrn, policy, annotations } = entity;
    return { mrn, policy: this.#policies.find(policy, domain), annotations: compiledAnnotations(annotations) };
  }

  #domain(domain: DomainModel): CompiledDomain {
    return {
      name: domain.name,
      operations: domain.operations.map((operation) => {
        return { selectors: operation.selector, ...this.#operationPolicy(operation, domain) };
      }),
      resources: domain.resources.map(({ selector, group, annotations }) => ({
        selectors: selector,
        group,
        groupIndex: this.#resourceGroups.find(group, domain),
        annotations: compiledAnnotations(annotations),
      })),
      mappers: domain.mappers.map(({ name, rego }) => {
        // Mappers shape requests before any policy is asked; they may call every built-in.
        return { name, program: this.#program([{ name, source: rego }], mapperEntrypoint, []) };
      }),
    };
  }

  #operationPolicy({ policy }: OperationEntity, domain: DomainModel): { policy: number; problem: string } {
    if (policy === '') return { policy: -1, problem: 'the operation has no policy' };
    const located = this.#index.policy(policy, domain.name);
    const position = located === undefined ? -1 : this.#policies.find(located.entity.mrn, located.domain);
    return { policy: position, problem: position === -1 ? 'policy not found' : '' };
  }

  #program(modules: readonly RegoModule[], entrypoint: string, unsafeBuiltins: readonly string[]): number {
    const { regoVersion } = this.#options;
    const position = this.#store.add(modules, { regoVersion, entrypoints: [entrypoint], unsafeBuiltins });
    if (position === undefined) throw new Error(`'${modules[0]?.name ?? ''}' passed the checks but does not compile`);
    return position;
  }
}

/** One section of all domains. Within a domain the last definition of an id counts, among domains the first. */
class Section<E extends { readonly mrn: string }> {
  readonly items: readonly Located<E>[];
  readonly #first = new Map<string, number>();
  readonly #own = new Map<DomainModel, Map<string, number>>();

  constructor(domains: readonly DomainModel[], section: (domain: DomainModel) => readonly E[]) {
    const items: Located<E>[] = [];
    for (const domain of domains) {
      const own = new Map<string, number>();
      for (const entity of new Map(section(domain).map((item) => [item.mrn, item])).values()) {
        const position = items.push({ domain, entity }) - 1;
        own.set(entity.mrn, position);
        if (!this.#first.has(entity.mrn)) this.#first.set(entity.mrn, position);
      }
      this.#own.set(domain, own);
    }
    this.items = items;
  }

  /** Position of what has the id: in the referring domain, else in the first domain that has it; `-1` if none has. */
  find(mrn: string, referring: DomainModel): number {
    return this.#own.get(referring)?.get(mrn) ?? this.#first.get(mrn) ?? -1;
  }
}

function compiledAnnotations(annotations: readonly AnnotationEntry[]): readonly CompiledAnnotation[] {
  const byName = new Map<string, CompiledAnnotation>();
  for (const { name, value, merge } of annotations) byName.set(name, { name, value: mergeValue(value), merge });
  return [...byName.values()];
}

/** `Unencodable` is a class and would not survive being sent to another thread: NaN stands for it. */
function mergeValue(value: AnnotationValue): MergeValue {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Unencodable) return NaN;
  if (isArray(value)) return value.map(mergeValue);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, mergeValue(member)]));
}

function isArray(value: AnnotationValue): value is readonly AnnotationValue[] {
  return Array.isArray(value);
}
