import {
  BundleError,
  checkDocuments,
  checkDomains,
  defaultUnsafeBuiltins,
  domainFromObject,
  formatProblem,
  isError,
  lintDomains,
  parseBundle,
  renderBundle,
  withoutPlaces,
  type CheckOptions,
  type Digest,
  type DomainModel,
  type LintOptions,
  type Problem,
  type SourcedDomain,
} from '@edict/bundle';
import { API_VERSION } from '@edict/crds';
import { compileSourcedSnapshot, loadSnapshot, runTestSuites, type TestOutcome, type TestSuite } from '@edict/engine';
import type {
  DomainContext,
  DomainSource,
  DomainVerdict,
  EntityCounts,
  ServedDocuments,
  StoredBundle,
} from './domain-checker.ts';
import { domainsReferredToByModel, reachable, reversed } from './domain-references.ts';

/** Bundles that stay decoded, by digest: most of a set does not change from one revision to the next. */
const DECODED_MAX = 512;

/**
 * Time for the suites of a set: less than PDPs allow, so that what passes here passes there, and less than the thread has,
 * so that the test which takes too long is named.
 */
const TESTS_TIMEOUT_MS = 20_000;

/** Warnings that a status has room for. */
const WARNINGS_MAX = 20;

/**
 * Checks and renders domains. Pure but for a cache of decoded bundles; runs in a worker thread, so that a large compile
 * delays neither health nor heartbeats.
 */
export class Workbench {
  readonly #decoded = new Map<Digest, DomainModel>();
  readonly #unsafeBuiltins: readonly string[];

  /** `unsafeBuiltins`: those that policies may not call. */
  constructor(unsafeBuiltins: readonly string[] = defaultUnsafeBuiltins) {
    this.#unsafeBuiltins = unsafeBuiltins;
  }

  /** Checks one domain beside the others that it refers to, and renders it if nothing is wrong with it. */
  checkDomain(subject: DomainSource, context: readonly DomainContext[]): DomainVerdict {
    const read = domainFromObject(objectOf(subject));
    if (!read.ok) return { problems: read.problems, warnings: [] };
    const others = context.flatMap((item) => this.#contextDomain(item));
    const domains: readonly SourcedDomain[] = [read, ...others];
    const own = (problem: Problem): boolean => problem.domain === undefined || problem.domain === read.domain.name;
    const problems = checkDomains(domains, this.#options()).filter((problem) => isError(problem) && own(problem));
    if (problems.length > 0) return { problems, warnings: [], entities: countEntities(read.domain) };
    // The Rego has just been compiled: only the warnings about the rest are wanted.
    const warnings = lintDomains([{ object: objectOf(subject) }], { compile: alreadyCompiled })
      .filter((problem) => !isError(problem))
      .slice(0, WARNINGS_MAX)
      .map(formatProblem);
    try {
      const { digest, gzip, size, gzSize, rendererVersion } = renderBundle(read.domain);
      const bundle = { digest, gzip, size, gzSize, rendererVersion, policies: read.domain.policies.length };
      return { problems: [], warnings, entities: countEntities(read.domain), bundle };
    } catch (error) {
      if (!(error instanceof BundleError) || error.code !== 'too-large') throw error;
      return { problems: [], warnings, entities: countEntities(read.domain), tooLarge: error.message };
    }
  }

  /**
   * What keeps these bundles from being served together. `changed` names the domains that differ from a combination that
   * is known to be good; only they, those who refer to them, and what all of these refer to are looked at. `documents` are
   * one program of all domains, and so looked at as a whole.
   */
  checkCombination(
    bundles: readonly StoredBundle[],
    changed: readonly string[],
    documents?: ServedDocuments,
  ): readonly Problem[] {
    const models = bundles.map((bundle) => this.#decode(bundle));
    const edges = new Map(models.map((model) => [model.name, domainsReferredToByModel(model)]));
    const affected = reachable(changed, reversed(edges));
    const looked = reachable(affected, edges);
    const sourced = models.map((model) => withoutPlaces(model, model.name));
    const problems = checkDomains(
      sourced.filter(({ domain }) => looked.has(domain.name)),
      this.#options(),
    ).filter(isError);
    if (problems.length > 0 || documents === undefined) return problems;
    return checkDocuments(sourced, documents.policies, this.#options()).filter(isError);
  }

  /** Runs suites against these domains together, as a PDP does before it acknowledges. */
  runTests(
    domains: readonly DomainContext[],
    suites: readonly TestSuite[],
    documents?: ServedDocuments,
    timeoutMs = TESTS_TIMEOUT_MS,
  ): TestOutcome {
    const unsafeBuiltins = this.#unsafeBuiltins;
    const sourced = domains.flatMap((item) => this.#contextDomain(item));
    const compiled = compileSourcedSnapshot(sourced, { unsafeBuiltins });
    if (compiled.ok) {
      const snapshot = loadSnapshot(compiled.compiled);
      const models = (): readonly DomainModel[] => sourced.map(({ domain }) => domain);
      const subject = { snapshot, domains: models, documentPolicies: documents?.policies, unsafeBuiltins };
      return runTestSuites(subject, suites, { timeoutMs });
    }
    const total = suites.reduce((sum, { cases }) => sum + cases.length, 0);
    return { passed: 0, failed: total, failure: compiled.problems.map(formatProblem).join('\n') };
  }

  #options(): CheckOptions {
    return { unsafeBuiltins: this.#unsafeBuiltins };
  }

  #contextDomain(item: DomainContext): readonly SourcedDomain[] {
    if (item.type === 'bundle') {
      const model = this.#decode(item.bundle);
      return [withoutPlaces(model, `${item.namespace}/${model.name}`)];
    }
    const read = domainFromObject(objectOf(item.source));
    // What cannot be read has its own verdict; here it is as if it were not there.
    return read.ok ? [read] : [];
  }

  #decode({ digest, gzip }: StoredBundle): DomainModel {
    const known = this.#decoded.get(digest);
    if (known !== undefined) {
      this.#decoded.delete(digest); // to the young end
      this.#decoded.set(digest, known);
      return known;
    }
    const model = parseBundle(gzip, { digest });
    this.#decoded.set(digest, model);
    if (this.#decoded.size > DECODED_MAX) {
      const [oldest] = this.#decoded.keys();
      if (oldest !== undefined) this.#decoded.delete(oldest);
    }
    return model;
  }
}

const alreadyCompiled: NonNullable<LintOptions['compile']> = () => ({
  ok: true,
  program: { format: 1, code: '', entrypoints: [], builtins: [] },
});

function objectOf({ namespace, name, spec }: DomainSource): unknown {
  return { apiVersion: API_VERSION, kind: 'PolicyDomain', metadata: { namespace, name }, spec };
}

function countEntities(model: DomainModel): EntityCounts {
  return {
    policies: model.policies.length,
    libraries: model.libraries.length,
    roles: model.roles.length,
    groups: model.groups.length,
    scopes: model.scopes.length,
    resourceGroups: model.resourceGroups.length,
    resources: model.resources.length,
    operations: model.operations.length,
    mappers: model.mappers.length,
  };
}
