import { canonicalJson, CanonicalText } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { gatherDocuments } from '../documents/document-sources.ts';
import { rulePlaces } from '../documents/rule-places.ts';
import { withoutPlaces } from '../sourced-domain.ts';
import { BundleError } from './bundle-error.ts';
import { signOpaFiles } from './opa-signature.ts';
import { domainOfArchive } from './parse-bundle.ts';
import { bundleRoot } from './render-bundle.ts';
import { readTar, writeTar } from './tar.ts';
import type { CanonicalValue } from '../canonical-json.ts';
import type { Digest } from '../digest.ts';
import type { Manifest } from '../manifest.ts';
import type { DomainModel } from '../model.ts';
import type { OpaSigningKey } from './opa-signature.ts';
import type { TarFile } from './tar.ts';

/** A revision of a set, with everything that it is made of. */
export interface OpaSetBundleInput {
  /** `namespace/name`. */
  readonly set: string;
  readonly n: number;
  /** Digest of `manifest`. */
  readonly digest: Digest;
  readonly manifest: Manifest;
  /** The uncompressed archive of each domain of the manifest, by digest. */
  readonly archives: ReadonlyMap<Digest, Uint8Array>;
  readonly key: OpaSigningKey;
}

/** What `revision` of such a bundle says, and OPA's status repeats. */
export function opaRevisionText(set: string, n: number): string {
  return `${set}@${String(n)}`;
}

/** The set and number of an {@link opaRevisionText}; undefined for any other text. */
export function parseOpaRevision(text: string): { readonly set: string; readonly n: number } | undefined {
  const [, set, n] = /^([a-z0-9.-]{1,253}\/[a-z0-9.-]{1,253})@([1-9][0-9]{0,14})$/.exec(text) ?? [];
  return set === undefined ? undefined : { set, n: Number(n) };
}

/**
 * One OPA bundle (an uncompressed tar archive) of a whole revision: what the bundles of its domains hold, each below its own
 * root, and the set's documents at their own paths if it serves some. It is signed for OPA, with the set's key as scope.
 * @throws BundleError where an archive is missing, has another digest, or cannot be read
 */
export function renderOpaSetBundle({ set, n, digest, manifest, archives, key }: OpaSetBundleInput): Uint8Array {
  const domains = manifest.domains.map((domain) => {
    const tar = archives.get(domain.digest);
    if (tar === undefined) throw new BundleError('missing-file', `the bundle of domain '${domain.name}' is missing`);
    const actual = digestOf(tar);
    if (actual !== domain.digest)
      throw new BundleError('digest-mismatch', `the bundle of '${domain.name}' has ${actual} and not ${domain.digest}`);
    const files = readTar(tar);
    return { ...domain, files, model: domainOfArchive(files) };
  });
  const documents = documentsOf(
    domains.map(({ model }) => model),
    manifest,
  );
  const roots = [...domains.map(({ model }) => bundleRoot(model.name).join('/')), ...documents.roots];
  const described = domains.map(({ namespace, name, digest: of, files }) => ({
    namespace,
    name,
    digest: of,
    ...edictMetadata(files),
  }));
  const opaManifest = {
    revision: opaRevisionText(set, n),
    roots: roots.sort(),
    rego_version: 0,
    metadata: { edict: { set, setUid: manifest.setUid, n, digest, domains: described, ...documents.omitted } },
  };
  const encoder = new TextEncoder();
  const files: readonly TarFile[] = [
    { name: '.manifest', content: encoder.encode(canonicalJson(opaManifest)) },
    { name: 'data.json', content: encoder.encode(mergedData(domains, documents.data)) },
    ...domains.flatMap(({ files: own }, position) => modulesOf(own, position)),
    ...documents.modules.map((source, position) => ({
      name: `documents/${digits(position)}.rego`,
      content: encoder.encode(source),
    })),
  ];
  return writeTar([...files, signOpaFiles(files, set, key)]);
}

interface Documents {
  /** Below `data`: the first part of every path. */
  readonly roots: readonly string[];
  readonly modules: readonly string[];
  /** Canonical text of the base documents, which has no member `edict`. */
  readonly data: string;
  readonly omitted: { readonly documentsOmitted?: string };
}

/** The documents that PDPs serve for the set, for the same paths in OPA. */
function documentsOf(domains: readonly DomainModel[], { serving }: Manifest): Documents {
  if (serving?.documents === undefined) return NO_DOCUMENTS;
  const sourced = domains.map((domain) => withoutPlaces(domain, domain.name));
  const gathered = gatherDocuments(sourced, serving.documents.policies, 'v0');
  if (!gathered.ok) return omit(gathered.problems[0]?.message ?? 'they do not fit together');
  const { modules, data } = gathered.sources;
  const base = Object.keys(JSON.parse(data) as Readonly<Record<string, unknown>>);
  const packages = modules.flatMap((module) =>
    rulePlaces(module, 'v0')
      .slice(0, 1)
      .flatMap(({ path }) => path[0] ?? []),
  );
  const roots = [...new Set([...base, ...packages])];
  // Its place is taken by what every domain has there; and a slash would make two roots of one.
  const unfit = roots.find((root) => root === 'edict' || root === 'system' || root === '' || root.includes('/'));
  if (unfit !== undefined) return omit(`data[${JSON.stringify(unfit)}] has no place in a bundle`);
  return { roots, modules: modules.map(({ source }) => source), data, omitted: {} };
}

const NO_DOCUMENTS: Documents = { roots: [], modules: [], data: '{}', omitted: {} };

function omit(reason: string): Documents {
  return { ...NO_DOCUMENTS, omitted: { documentsOmitted: reason } };
}

/** One tree: everything of the domains below `edict`, and the documents. Texts are joined, so that numbers stay as they are. */
function mergedData(
  domains: readonly {
    readonly name: string;
    readonly files: ReadonlyMap<string, Uint8Array>;
    readonly model: DomainModel;
  }[],
  documents: string,
): string {
  const owned = domains.map(({ name, files, model }) => {
    const [top, key] = bundleRoot(model.name);
    const text = textOf(files, 'data.json');
    const head = `{${JSON.stringify(top)}:{${JSON.stringify(key)}:`;
    if (!text.startsWith(head) || !text.endsWith('}}'))
      throw new BundleError('bad-data', `data.json of domain '${name}' is not in canonical form`);
    return [key, new CanonicalText(text.slice(head.length, -2))] as const;
  });
  const edict = canonicalJson(Object.fromEntries<CanonicalValue>(owned));
  const inner = documents.slice(1, -1);
  return `{"edict":${edict}${inner === '' ? '' : `,${inner}`}}`;
}

/** What a domain's own manifest says of it: where each policy's answer is, and what had to be left out. */
function edictMetadata(files: ReadonlyMap<string, Uint8Array>): { readonly [key: string]: CanonicalValue } {
  const manifest = JSON.parse(textOf(files, '.manifest')) as {
    readonly metadata?: {
      readonly edict?: { readonly entrypoints?: CanonicalValue; readonly omitted?: CanonicalValue };
    };
  };
  const { entrypoints = [], omitted = [] } = manifest.metadata?.edict ?? {};
  return { entrypoints, omitted };
}

function modulesOf(files: ReadonlyMap<string, Uint8Array>, position: number): readonly TarFile[] {
  return [...files]
    .filter(([name]) => name.endsWith('.rego'))
    .map(([name, content]) => ({ name: `domain/${digits(position)}/${name}`, content }));
}

function textOf(files: ReadonlyMap<string, Uint8Array>, name: string): string {
  const content = files.get(name);
  if (content === undefined) throw new BundleError('missing-file', `the bundle has no ${name}`);
  return new TextDecoder('utf-8', { fatal: true }).decode(content);
}

function digits(position: number): string {
  return String(position).padStart(6, '0');
}
