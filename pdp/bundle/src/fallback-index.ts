import { isDigest } from './digest.ts';
import type { Digest } from './digest.ts';
import type { DecisionSignature } from './decision-signature.ts';
import type { SignedRevision } from './signature.ts';

/** What every index says it is. */
export const FALLBACK_FORMAT = 'edict.dev/fallback/v1';

/** Largest index that is read, in bytes. */
export const FALLBACK_INDEX_MAX_BYTES = 65_536;

/** The committed revision of one set, as a fallback source names it. What belongs to it is found by its digests. */
export interface FallbackIndex {
  readonly revision: SignedRevision;
  /** That the revision is decided for everyone; absent where the operator that decided did not sign such words yet. */
  readonly decision?: DecisionSignature;
  /** When it was written, RFC 3339. */
  readonly exportedAt: string;
}

/** Bytes that are no index. */
export class FallbackIndexError extends Error {
  override readonly name = 'FallbackIndexError';
  readonly code = 'bad-index';
}

/** Where the index of a set (`namespace/name`) is, below the base of a source. */
export function fallbackIndexPath(set: string): string {
  return `sets/${set.split('/').map(encodeURIComponent).join('/')}.json`;
}

/** Where a manifest or a gzip bundle is, below the base of a source. */
export function fallbackArtifactPath(digest: Digest): string {
  return `artifacts/${digest.replace(':', '-')}`;
}

/** The text of an index. */
export function formatFallbackIndex({ revision, decision, exportedAt }: FallbackIndex): string {
  return `${JSON.stringify({ format: FALLBACK_FORMAT, revision, decision, exportedAt }, null, 2)}\n`;
}

const REASONS: ReadonlySet<string> = new Set<SignedRevision['reason']>(['Spec', 'Rollback', 'Withdraw', 'Emergency']);

/**
 * Reads an index. Nothing in it is to be believed before the revision's signature has been verified.
 * @throws FallbackIndexError
 */
export function parseFallbackIndex(bytes: Uint8Array): FallbackIndex {
  if (bytes.length > FALLBACK_INDEX_MAX_BYTES)
    throw new FallbackIndexError(`the index has more than ${String(FALLBACK_INDEX_MAX_BYTES)} bytes`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FallbackIndexError('the index is not JSON', { cause });
  }
  const index = members(parsed, 'the index');
  if (index['format'] !== FALLBACK_FORMAT)
    throw new FallbackIndexError(`the index has not the format ${FALLBACK_FORMAT}`);
  const revision = members(index['revision'], 'revision');
  const digest = text(revision, 'digest');
  const reason = text(revision, 'reason');
  if (!isDigest(digest)) throw new FallbackIndexError('revision.digest is not a digest');
  if (!isReason(reason)) throw new FallbackIndexError('revision.reason is not known');
  const decision = index['decision'] === undefined ? undefined : members(index['decision'], 'decision');
  return {
    exportedAt: text(index, 'exportedAt'),
    ...(decision === undefined
      ? {}
      : {
          decision: {
            final: decision['final'] === true,
            keyId: text(decision, 'keyId'),
            signature: text(decision, 'signature'),
          },
        }),
    revision: {
      set: text(revision, 'set'),
      setUid: text(revision, 'setUid'),
      n: count(revision, 'n', 1),
      digest,
      parent: count(revision, 'parent', 0),
      reason,
      createdAt: text(revision, 'createdAt'),
      keyId: text(revision, 'keyId'),
      signature: text(revision, 'signature'),
    },
  };
}

function isReason(text: string): text is SignedRevision['reason'] {
  return REASONS.has(text);
}

type Members = Readonly<Record<string, unknown>>;

function members(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FallbackIndexError(`${what} is not an object`);
  return value as Members;
}

function text(object: Members, key: string): string {
  const value = object[key];
  if (typeof value !== 'string' || value === '') throw new FallbackIndexError(`${key} is missing`);
  return value;
}

function count(object: Members, key: string, min: number): number {
  const value = object[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min)
    throw new FallbackIndexError(`revision.${key} is not a number from ${String(min)}`);
  return value;
}
