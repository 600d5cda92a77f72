import { gunzipSync } from 'node:zlib';
import { parseJson, stringify } from '@edict/rego/values';
import { digestOf } from '../digest.ts';
import { BundleError } from './bundle-error.ts';
import { decodeModel } from './model-codec.ts';
import { BUNDLE_MAX_BYTES, BUNDLE_MAX_GZIP_BYTES, bundleRoot, RENDERER_VERSION } from './render-bundle.ts';
import { readTar } from './tar.ts';
import type { Digest } from '../digest.ts';
import type { DomainModel } from '../model.ts';
import type { BundleLimits } from './render-bundle.ts';

/** What a bundle is checked against. */
export interface ParseBundleOptions extends BundleLimits {
  /** The digest that the signed manifest names. Bytes with any other are refused before they are interpreted. */
  readonly digest: Digest;
}

/**
 * Reads a bundle as it travels (gzip) back into the domain that it was rendered from. Never inflates more than the limit
 * allows, and looks at nothing before the digest has been verified.
 * @throws BundleError
 */
export function parseBundle(gzip: Uint8Array, options: ParseBundleOptions): DomainModel {
  const { maxGzipBytes = BUNDLE_MAX_GZIP_BYTES, maxBytes = BUNDLE_MAX_BYTES } = options;
  if (gzip.length > maxGzipBytes) {
    throw new BundleError(
      'too-large',
      `the bundle has ${String(gzip.length)} bytes; the limit is ${String(maxGzipBytes)}`,
    );
  }
  const tar = inflate(gzip, maxBytes);
  const digest = digestOf(tar);
  if (digest !== options.digest) {
    throw new BundleError('digest-mismatch', `the bundle has digest ${digest} and not ${options.digest}`);
  }
  return domainOfArchive(readTar(tar));
}

/**
 * Reads the files of a bundle whose digest has been verified back into the domain that it was rendered from.
 * @throws BundleError
 */
export function domainOfArchive(files: ReadonlyMap<string, Uint8Array>): DomainModel {
  readManifest(readText(files, '.manifest', 'bad-manifest').value);
  return readData(readText(files, 'data.json', 'bad-data'));
}

function inflate(gzip: Uint8Array, maxBytes: number): Uint8Array {
  try {
    return gunzipSync(gzip, { maxOutputLength: maxBytes });
  } catch (cause) {
    const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new BundleError('too-large', `the bundle inflates to more than ${String(maxBytes)} bytes`, { cause });
    }
    throw new BundleError('bad-gzip', 'the bundle is not a gzip stream', { cause });
  }
}

/** A file of JSON: its text, and what the text says. */
interface JsonFile {
  readonly text: string;
  readonly value: unknown;
}

function readText(files: ReadonlyMap<string, Uint8Array>, name: string, code: 'bad-manifest' | 'bad-data'): JsonFile {
  const bytes = files.get(name);
  if (bytes === undefined) throw new BundleError('missing-file', `the bundle has no ${name}`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { text, value: JSON.parse(text) };
  } catch (cause) {
    throw new BundleError(code, `${name} is not JSON`, { cause });
  }
}

function readManifest(manifest: unknown): void {
  const version = member(member(member(manifest, 'metadata'), 'edict'), 'rendererVersion');
  if (typeof version !== 'number') throw new BundleError('bad-manifest', '.manifest does not say who rendered it');
  if (version > RENDERER_VERSION) {
    const message = `the bundle has format ${String(version)}; this reader knows up to ${String(RENDERER_VERSION)}`;
    throw new BundleError('unsupported-format', message);
  }
}

function readData({ text, value: data }: JsonFile): DomainModel {
  const roots = Object.keys(member(data, 'edict') ?? {});
  const [key] = roots;
  if (roots.length !== 1 || key === undefined) throw new BundleError('bad-data', 'data.json does not hold one domain');
  const root = member(member(data, 'edict'), key);
  const model = decodeModel(member(root, 'model'));
  if (bundleRoot(model.name)[1] !== key)
    throw new BundleError('bad-data', `data.json: '${key}' is not the domain's place`);
  return member(root, 'data') === undefined ? model : { ...model, data: baseDocuments(text, key) };
}

/** The base documents with their numbers as they stand in the text, which a JavaScript number would not keep. */
function baseDocuments(text: string, key: string): string {
  const parsed = parseJson(text);
  if (!parsed.ok) throw new BundleError('bad-data', `data.json: ${parsed.problem.message}`);
  const data = member(member(member(parsed.value, 'edict'), key), 'data');
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new BundleError('bad-data', `data.json: edict.${key}.data is not an object`);
  }
  return stringify(data);
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}
