import type { Digest } from '@edict/bundle';

/** `namespace/name` of a PolicySet: how every message, map and log line names a set. */
export type SetKey = string;

export type { Digest };

/** Who a PDP is: the pod UID (or the certificate's subject alternative name). Always taken from authentication, never from a message. */
export type NodeId = string;

/**
 * What names a revision everywhere: the set's UID, `n`, and the digest of its manifest. Two revisions with the same
 * `setUid` and `n` but different digests cannot both be genuine.
 */
export interface RevisionId {
  readonly setUid: string;
  readonly n: number;
  readonly digest: Digest;
}

/** True if `a` and `b` name the same revision. */
export function isSameRevision(a: RevisionId | undefined, b: RevisionId | undefined): boolean {
  return a !== undefined && b !== undefined && a.setUid === b.setUid && a.n === b.n && a.digest === b.digest;
}

/** The three fields of `revision` that name it, and nothing else. */
export function revisionIdOf(revision: RevisionId): RevisionId {
  return { setUid: revision.setUid, n: revision.n, digest: revision.digest };
}

/** `set@n (first 12 digits of the digest)`, for logs and traces. */
export function describeRevision(set: SetKey, revision: RevisionId): string {
  return `${set}@${revision.n} (${revision.digest.slice(7, 19)})`;
}
