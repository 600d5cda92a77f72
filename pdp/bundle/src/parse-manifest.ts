import { Serving } from '@edict/crds';
import { canonicalJson } from './canonical-json.ts';
import { readConsistency, type Consistency } from './consistency.ts';
import { isDigest } from './digest.ts';
import { MANIFEST_MAX_DOMAINS } from './manifest.ts';
import type { Digest } from './digest.ts';
import type { Manifest, ManifestDomain } from './manifest.ts';

/** Largest manifest that is read. */
export const MANIFEST_MAX_BYTES = 8_388_608;

/** Why bytes are not a manifest. */
export type ManifestErrorCode = 'too-large' | 'not-json' | 'unsupported-format' | 'not-canonical' | 'bad-field';

/** Bytes that are not a manifest. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly code: ManifestErrorCode;
  constructor(code: ManifestErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Reads a manifest from the canonical JSON that its digest was taken of. Strict: nothing may be missing, of another type
 * or there besides, and the text has to be the canonical one. The caller compares the digest.
 * @throws ManifestError
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MANIFEST_MAX_BYTES) {
    throw new ManifestError(
      'too-large',
      `the manifest has ${String(bytes.length)} bytes; the limit is ${String(MANIFEST_MAX_BYTES)}`,
    );
  }
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new ManifestError('not-json', 'the manifest is not JSON', { cause });
  }
  const stranger = unknownMember(parsed);
  if (stranger !== undefined) {
    const message = `the manifest has a member '${stranger}', which this version does not know: it is older than what made the manifest`;
    throw new ManifestError('unsupported-format', message);
  }
  const manifest = decode(parsed);
  // Printing what was understood shows everything that was not: unknown members, other spellings of numbers, spaces.
  if (canonicalJson(manifest) !== text)
    throw new ManifestError('not-canonical', 'the manifest is not in canonical form');
  return manifest;
}

const MEMBERS: ReadonlySet<string> = new Set<keyof Manifest>([
  'setUid',
  'engineMin',
  'features',
  'domains',
  'tests',
  'totals',
  'serving',
  'consistency',
]);

/** A member that a newer version has added: what it asks for cannot be promised, so the manifest as a whole is refused. */
function unknownMember(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.keys(value).find((member) => !MEMBERS.has(member));
}

function decode(value: unknown): Manifest {
  const manifest = record(value, 'manifest');
  const domains = list(manifest['domains'], 'domains').map((item, index) =>
    decodeDomain(item, `domains[${String(index)}]`),
  );
  if (domains.length > MANIFEST_MAX_DOMAINS) throw bad('domains', `lists more than ${String(MANIFEST_MAX_DOMAINS)}`);
  const totals = record(manifest['totals'], 'totals');
  return {
    setUid: text(manifest['setUid'], 'setUid'),
    engineMin: text(manifest['engineMin'], 'engineMin'),
    features: list(manifest['features'], 'features').map((item) => text(item, 'features')),
    domains,
    tests: list(manifest['tests'], 'tests').map((item) => digest(item, 'tests')),
    totals: { bytes: count(totals['bytes'], 'totals.bytes'), policies: count(totals['policies'], 'totals.policies') },
    ...('serving' in manifest ? { serving: decodeServing(manifest['serving']) } : {}),
    ...('consistency' in manifest ? { consistency: decodeConsistency(manifest['consistency']) } : {}),
  };
}

function decodeServing(value: unknown): Serving {
  const parsed = Serving.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = ['serving', ...(issue?.path.map(String) ?? [])].join('.');
  throw bad(path, `is wrong: ${issue?.message ?? 'it cannot be read'}`);
}

function decodeConsistency(value: unknown): Consistency {
  const read = readConsistency(record(value, 'consistency'));
  if ('consistency' in read) return read.consistency;
  throw bad(`consistency.${read.member}`, read.problem);
}

function decodeDomain(value: unknown, path: string): ManifestDomain {
  const domain = record(value, path);
  return {
    namespace: text(domain['namespace'], `${path}.namespace`),
    name: text(domain['name'], `${path}.name`),
    uid: text(domain['uid'], `${path}.uid`),
    generation: count(domain['generation'], `${path}.generation`),
    digest: digest(domain['digest'], `${path}.digest`),
    size: count(domain['size'], `${path}.size`),
    gzSize: count(domain['gzSize'], `${path}.gzSize`),
  };
}

function bad(path: string, what: string): ManifestError {
  return new ManifestError('bad-field', `the manifest's ${path} ${what}`);
}

function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(path, 'is not an object');
  return value as Readonly<Record<string, unknown>>;
}

function list(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw bad(path, 'is not a list');
  return value as readonly unknown[];
}

function text(value: unknown, path: string): string {
  if (typeof value !== 'string') throw bad(path, 'is not a string');
  return value;
}

function count(value: unknown, path: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw bad(path, 'is not a count');
  return value;
}

function digest(value: unknown, path: string): Digest {
  const digestText = text(value, path);
  if (!isDigest(digestText)) throw bad(path, 'is not a digest');
  return digestText;
}
