import { posix } from 'node:path';
import {
  buildReference,
  BundleError,
  canonicalJson,
  checkDomains,
  createManifest,
  formatProblem,
  isError,
  jsonOfYaml,
  manifestDigest,
  readDomain,
  renderBundle,
  type Bundle,
  type Digest,
  type SourcedDomain,
} from '@edict/bundle';
import { selectorMatches, Serving, servingFeatures, validateObject, type PolicySet } from '@edict/crds';
import type { PolicyFile } from './policy-folder.ts';

/** A set that files describe, rendered as an operator renders it. */
export interface FileSet {
  /** `namespace/name` */
  readonly set: string;
  readonly setUid: string;
  /** Of the manifest. */
  readonly digest: Digest;
  /** The manifest and the bundles, gzipped, by digest. */
  readonly artifacts: ReadonlyMap<Digest, Uint8Array>;
}

/** The sets of a folder, or why there are none: one line each, with file, line and column where they are known. */
export type FileSets =
  | { readonly ok: true; readonly sets: readonly FileSet[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The set of a namespace that has domains and no PolicySet, as in a cluster. */
export const DEFAULT_SET = 'default';

/** The namespace of objects that name none. */
export const DEFAULT_NAMESPACE = 'default';

const ENGINE_MIN = '0.1.0';

/**
 * Reads PolicyDomains, in every version that is known, PolicyDomainReferences with their Rego files, and PolicySets; checks them
 * as admission does; and renders the sets. Equal files give equal digests. With one problem anywhere there are no sets at all.
 */
export function policySetsOf(files: readonly PolicyFile[], unsafeBuiltins: readonly string[]): FileSets {
  const read = new FileReader(files);
  for (const { path, bytes } of files) if (!path.endsWith('.rego')) read.file(path, bytes);
  if (read.problems.length === 0 && read.domains.length === 0) read.problems.push('no PolicyDomain in any file');
  if (read.problems.length > 0) return { ok: false, problems: read.problems };
  const sets = groupedBySet(read);
  const wrong = sets.flatMap(({ domains }) => checkDomains(domains, { unsafeBuiltins }).filter(isError));
  if (wrong.length > 0) return { ok: false, problems: [...new Set(wrong.map(formatProblem))] };
  try {
    return { ok: true, sets: sets.map(rendered), warnings: read.warnings };
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    return { ok: false, problems: [error.message] };
  }
}

/** What tells objects apart. */
interface ObjectHead {
  readonly kind?: string;
  readonly metadata?: { readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
}

interface PlacedDomain {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sourced: SourcedDomain;
}

class FileReader {
  readonly domains: PlacedDomain[] = [];
  readonly policySets: PolicySet[] = [];
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly #files: ReadonlyMap<string, Uint8Array>;

  constructor(files: readonly PolicyFile[]) {
    this.#files = new Map(files.map(({ path, bytes }) => [path, bytes]));
  }

  file(path: string, bytes: Uint8Array): void {
    for (const text of documentsOf(Buffer.from(bytes).toString('utf8'))) this.#document(path, text);
  }

  #document(path: string, text: string): void {
    const json = jsonOfYaml(text);
    // What is no YAML is told by the reader of domains, with its place.
    const object = json.ok ? (JSON.parse(json.text) as ObjectHead | null) : { kind: 'PolicyDomain' };
    switch (object?.kind) {
      case undefined:
        if (object !== null) this.problems.push(`${path}: an object without kind`);
        return;
      case 'PolicyDomain':
        this.#domain(path, text, object.metadata);
        return;
      case 'PolicyDomainReference': {
        const built = buildReference(text, path, (name) => this.#files.get(posix.join(posix.dirname(path), name)));
        if (built.ok) this.#domain(path, built.text, object.metadata);
        else this.problems.push(...built.problems.map(formatProblem));
        return;
      }
      case 'PolicySet':
        this.#policySet(path, object);
        return;
      default:
        this.problems.push(
          `${path}: kind ${String(object?.kind)} is not read from files: PolicyDomain, PolicyDomainReference, PolicySet`,
        );
    }
  }

  #domain(path: string, text: string, metadata: ObjectHead['metadata']): void {
    const read = readDomain(text, path);
    if (!read.ok) {
      this.problems.push(...read.problems.filter(isError).map(formatProblem));
      return;
    }
    const { namespace = DEFAULT_NAMESPACE, labels = {} } = metadata ?? {};
    const other = this.domains.find(
      (one) => one.namespace === namespace && one.sourced.domain.name === read.domain.name,
    );
    if (other !== undefined) {
      this.problems.push(`${path}: ${namespace}/${read.domain.name} is in ${other.sourced.file} already`);
      return;
    }
    this.domains.push({ namespace, labels, sourced: read });
  }

  #policySet(path: string, object: ObjectHead): void {
    const { metadata } = object;
    const valid = validateObject({ ...object, metadata: { namespace: DEFAULT_NAMESPACE, ...metadata } });
    if (!valid.ok) {
      this.problems.push(...valid.problems.map((problem) => `${path}: ${problem}`));
      return;
    }
    const set = valid.object as PolicySet;
    if (set.spec.consistency.mode === 'Strict') {
      this.warnings.push(
        `${path}: spec.consistency means nothing without an operator: files are as old as their mount`,
      );
    }
    this.policySets.push(set);
  }
}

interface Grouped {
  readonly set: string;
  readonly namespace: string;
  readonly domains: readonly SourcedDomain[];
  readonly serving: PolicySet['spec']['serving'];
}

function groupedBySet({ domains, policySets }: FileReader): readonly Grouped[] {
  const own = policySets.map(({ metadata: { namespace = DEFAULT_NAMESPACE, name }, spec }): Grouped => {
    const selected = domains.filter(
      (domain) => domain.namespace === namespace && selectorMatches(spec.domains.selector, domain.labels),
    );
    return { set: `${namespace}/${name}`, namespace, domains: selected.map(sourcedOf), serving: spec.serving };
  });
  const withSets = new Set(own.map(({ namespace }) => namespace));
  const others = new Set(domains.map(({ namespace }) => namespace).filter((namespace) => !withSets.has(namespace)));
  const made = [...others].map((namespace): Grouped => {
    const all = domains.filter((domain) => domain.namespace === namespace).map(sourcedOf);
    return { set: `${namespace}/${DEFAULT_SET}`, namespace, domains: all, serving: undefined };
  });
  return [...own, ...made].sort((a, b) => (a.set < b.set ? -1 : 1));
}

function sourcedOf({ sourced }: PlacedDomain): SourcedDomain {
  return sourced;
}

function rendered({ set, namespace, domains, serving }: Grouped): FileSet {
  const setUid = `file:${set}`;
  const parsed = serving === undefined ? undefined : Serving.parse(serving);
  const bundles = domains.map(({ domain }): readonly [string, Bundle] => [domain.name, renderBundle(domain)]);
  const manifest = createManifest({
    setUid,
    engineMin: ENGINE_MIN,
    features: servingFeatures(parsed),
    policies: domains.reduce((sum, { domain }) => sum + domain.policies.length, 0),
    domains: bundles.map(([name, { digest, size, gzSize }]) => ({
      namespace,
      name,
      uid: `file:${namespace}/${name}`,
      generation: 1,
      digest,
      size,
      gzSize,
    })),
    ...(parsed === undefined ? {} : { serving: parsed }),
  });
  const digest = manifestDigest(manifest);
  const artifacts = new Map<Digest, Uint8Array>(bundles.map(([, bundle]) => [bundle.digest, bundle.gzip]));
  artifacts.set(digest, Buffer.from(canonicalJson(manifest)));
  return { set, setUid, digest, artifacts };
}

/** The documents of a YAML stream, each below as many empty lines as stand before it, so that its places stay right. */
function documentsOf(text: string): readonly string[] {
  const marks = [...text.matchAll(/^---(?=\s|$)/gm)].map(({ index }) => index);
  const starts = [0, ...marks.filter((index) => index > 0)];
  return starts.map((start, i) => text.slice(0, start).replace(/[^\n]/g, '') + text.slice(start, starts[i + 1]));
}
