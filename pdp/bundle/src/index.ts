export * from './model.ts';
export * from './problem.ts';
export * from './sourced-domain.ts';
export * from './references.ts';
export * from './domain-index.ts';
export * from './closure.ts';
export type { ReadResult } from './read/result.ts';
export { domainFromObject, readDomain } from './read/read-domain.ts';
export type { ReadOptions } from './read/read-domain.ts';
export { anchorSelector, compileSelector, SELECTOR_MAX_LENGTH } from './selector.ts';
export type { Selector } from './selector.ts';
export { canonicalJson, CanonicalJsonError } from './canonical-json.ts';
export { digestOf, isDigest } from './digest.ts';
export type { Digest } from './digest.ts';
export { createManifest, MANIFEST_MAX_DOMAINS, manifestDigest } from './manifest.ts';
export type { Manifest, ManifestDomain, ManifestInput } from './manifest.ts';
export { generateSigningKey, keyIdOf, SignatureError, signRevision, verifyRevision } from './signature.ts';
export type {
  ExpectedRevision,
  Revision,
  RevisionReason,
  SignatureErrorCode,
  SignedRevision,
  SigningKey,
} from './signature.ts';
