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
export { decodeToken, encodeToken, TOKEN_MAX_LENGTH } from './consistency-token.ts';
export type { ConsistencyToken } from './consistency-token.ts';
export { digestOf, isDigest } from './digest.ts';
export type { Digest } from './digest.ts';
export { CONSISTENCY_DEFAULTS, LEASE_MAX_MS, LEASE_MIN_MS, readConsistency, STALE_ACTIONS } from './consistency.ts';
export type { Consistency, StaleAction } from './consistency.ts';
export { createManifest, MANIFEST_MAX_DOMAINS, manifestDigest } from './manifest.ts';
export type { Manifest, ManifestDomain, ManifestInput, Serving } from './manifest.ts';
export {
  createSigner,
  generateSigningKey,
  keyIdOf,
  SignatureError,
  signRevision,
  verifyRevision,
} from './signature.ts';
export type {
  ExpectedRevision,
  Revision,
  RevisionReason,
  SignatureErrorCode,
  SignedRevision,
  SigningKey,
} from './signature.ts';
export { signDecision, verifyDecision } from './decision-signature.ts';
export type { DecidedPart, DecidedRevision, DecidedShare, DecisionSignature } from './decision-signature.ts';
export { ManifestError, MANIFEST_MAX_BYTES, parseManifest } from './parse-manifest.ts';
export type { ManifestErrorCode } from './parse-manifest.ts';
export {
  FALLBACK_FORMAT,
  FALLBACK_INDEX_MAX_BYTES,
  fallbackArtifactPath,
  FallbackIndexError,
  fallbackIndexPath,
  formatFallbackIndex,
  parseFallbackIndex,
} from './fallback-index.ts';
export type { FallbackIndex } from './fallback-index.ts';
export { formatTrustedKeys, parseTrustedKeys } from './trusted-keys.ts';
export { checkDomains } from './check/check-domains.ts';
export { defaultUnsafeBuiltins, unsafeBuiltinsBut } from './check/check-options.ts';
export type { CheckOptions } from './check/check-options.ts';
export { checkDocuments } from './documents/check-documents.ts';
export { documentCompileOptions, documentCompileProblems, gatherDocuments } from './documents/document-sources.ts';
export type { DocumentSources, DocumentSourcesResult } from './documents/document-sources.ts';
export { lintDomains } from './lint/lint-domains.ts';
export type { LintOptions, LintSource } from './lint/lint-domains.ts';
export { BundleError } from './render/bundle-error.ts';
export type { BundleErrorCode } from './render/bundle-error.ts';
export {
  BUNDLE_MAX_BYTES,
  BUNDLE_MAX_GZIP_BYTES,
  bundleRoot,
  renderBundle,
  RENDERER_VERSION,
} from './render/render-bundle.ts';
export type { Bundle, BundleLimits } from './render/render-bundle.ts';
export { generateOpaSigningKey, opaSigningKeyOf } from './render/opa-signature.ts';
export type { OpaSigningKey } from './render/opa-signature.ts';
export { opaRevisionText, parseOpaRevision, renderOpaSetBundle } from './render/opa-set-bundle.ts';
export type { OpaSetBundleInput } from './render/opa-set-bundle.ts';
export { parseBundle } from './render/parse-bundle.ts';
export type { ParseBundleOptions } from './render/parse-bundle.ts';
export { buildReference } from './build-reference.ts';
export type { BuildResult, ReadRegoFile } from './build-reference.ts';
export { convertText } from './convert/convert-text.ts';
export type { ConvertResult } from './convert/convert-text.ts';
export * from './versions.ts';
export { toDomainObject } from './convert/domain-object.ts';
export type { DomainObject, DomainObjectOptions } from './convert/domain-object.ts';
export { DOMAIN_MAX_BYTES, parseDocument, readPreamble } from './read/read-domain.ts';
export type { ParsedDocument, Preamble } from './read/read-domain.ts';
export type { JsonValue } from './read/object-node.ts';
export { jsonOfYaml } from './read/json-of-yaml.ts';
export type { JsonOfYaml } from './read/json-of-yaml.ts';
export { printDomainObject } from './convert/print-object.ts';
