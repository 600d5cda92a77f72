import { Buffer } from 'node:buffer';
import { constants, gzipSync } from 'node:zlib';
import { canonicalJson, CanonicalText } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { BundleError } from './bundle-error.ts';
import { encodeModel } from './model-codec.ts';
import { opaPackages } from './opa-modules.ts';
import { writeTar } from './tar.ts';
import type { Digest } from '../digest.ts';
import type { DomainModel } from '../model.ts';
import type { TarFile } from './tar.ts';

/**
 * Version of the bytes that a domain is rendered to. It rises whenever they change without the domain having changed; a
 * domain is rendered anew then only when its spec changes, so that an upgrade does not start a rollout of everything.
 */
export const RENDERER_VERSION = 1;

/** Largest bundle as it travels and is stored: it has to fit one Kubernetes object. */
export const BUNDLE_MAX_GZIP_BYTES = 1_048_576;

/** Largest bundle once uncompressed. */
export const BUNDLE_MAX_BYTES = 67_108_864;

/** A rendered domain: a valid OPA bundle. */
export interface Bundle {
  /** SHA-256 of `tar`: what the bundle is known by. */
  readonly digest: Digest;
  readonly tar: Uint8Array;
  /** The same as it travels. Its bytes depend on the zlib that made it; `digest` does not. */
  readonly gzip: Uint8Array;
  readonly size: number;
  readonly gzSize: number;
  readonly rendererVersion: number;
}

/** Sizes that a bundle may not exceed. */
export interface BundleLimits {
  /** Default {@link BUNDLE_MAX_GZIP_BYTES}. */
  readonly maxGzipBytes?: number;
  /** Default {@link BUNDLE_MAX_BYTES}. */
  readonly maxBytes?: number;
}

/** The place below `data` that everything of a domain has: the bundle's only root. */
export function bundleRoot(domainName: string): readonly [string, string] {
  // Names may hold anything; roots are slash-separated paths. What is not plain is written in hexadecimal.
  const plain = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(domainName) && !domainName.startsWith('x-');
  return ['edict', plain ? domainName : `x-${Buffer.from(domainName.toWellFormed(), 'utf8').toString('hex')}`];
}

/**
 * Renders a domain: equal domains give equal bytes, and so one digest, on every machine. The archive holds `.manifest`,
 * `data.json` (the whole domain, from which a PDP decides, with its base documents below `data`) and the policies
 * re-packaged for OPA (`*.rego`).
 * @throws BundleError `too-large`, or `rego-parse` for domains that `checkDomains` refuses
 */
export function renderBundle(domain: DomainModel, limits: BundleLimits = {}): Bundle {
  const { maxGzipBytes = BUNDLE_MAX_GZIP_BYTES, maxBytes = BUNDLE_MAX_BYTES } = limits;
  const tar = writeTar(bundleFiles(domain));
  if (tar.length > maxBytes) throw tooLarge(domain.name, tar.length, maxBytes, 'uncompressed');
  const gzip = gzipSync(tar, { level: constants.Z_BEST_COMPRESSION });
  // The header's operating system is the only part that names the machine: 255 is "unknown".
  gzip[9] = 255;
  if (gzip.length > maxGzipBytes) throw tooLarge(domain.name, gzip.length, maxGzipBytes, 'compressed');
  return {
    digest: digestOf(tar),
    tar,
    gzip,
    size: tar.length,
    gzSize: gzip.length,
    rendererVersion: RENDERER_VERSION,
  };
}

function bundleFiles(domain: DomainModel): readonly TarFile[] {
  const [top, key] = bundleRoot(domain.name);
  const { packages, omitted } = opaPackages(domain, [top, key]);
  const manifest = {
    revision: '',
    roots: [`${top}/${key}`],
    rego_version: 0,
    metadata: {
      edict: {
        rendererVersion: RENDERER_VERSION,
        domain: domain.name,
        entrypoints: packages.map(({ kind, id, entrypoint }) => ({ kind, id, path: entrypoint })),
        omitted,
      },
    },
  };
  const base = domain.data === undefined ? {} : { data: new CanonicalText(domain.data) };
  const data = { [top]: { [key]: { ...base, format: RENDERER_VERSION, model: encodeModel(domain) } } };
  const encoder = new TextEncoder();
  const modules = packages.flatMap(({ kind, sources }, position) =>
    sources.map((source, part) => ({
      name: `${kind}/${digits(position)}/${digits(part)}.rego`,
      content: encoder.encode(source),
    })),
  );
  return [
    { name: '.manifest', content: encoder.encode(canonicalJson(manifest)) },
    { name: 'data.json', content: encoder.encode(canonicalJson(data)) },
    ...modules,
  ];
}

function digits(position: number): string {
  return String(position).padStart(6, '0');
}

function tooLarge(domain: string, size: number, limit: number, what: string): BundleError {
  const message = `domain '${domain}' renders to ${String(size)} bytes ${what}; the limit is ${String(limit)}`;
  return new BundleError('too-large', message);
}
