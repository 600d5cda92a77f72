/** Largest encoded message in either direction, in bytes. Policy travels by HTTPS, so a bigger one is a fault or an attack. */
export const MESSAGE_MAX_BYTES = 2 * 1024 * 1024;

/**
 * Sets that one PDP may serve: a thousand tenants, and room for as many again while they are moved. A Hello and a Beat name
 * each of them, a Hello with three revisions (some 600 bytes where names are long), so this keeps both below
 * {@link MESSAGE_MAX_BYTES}.
 */
export const SETS_MAX = 2048;

/** Base URLs of fallback sources that a Welcome may name. */
export const FALLBACK_SOURCES_MAX = 8;

/** Longest explanation in a NACK, in UTF-8 bytes. */
export const NACK_MESSAGE_MAX_BYTES = 2 * 1024;

/** Longest MRN in a NACK, in UTF-8 bytes. */
export const NACK_MRN_MAX_BYTES = 1024;

/** Longest set key: `namespace/name`, each at most 253 characters by Kubernetes' rules. */
export const SET_KEY_MAX_LENGTH = 507;

/** Longest UID, key id, pod name, engine name and the like. */
export const NAME_MAX_LENGTH = 253;

/** Longest base64 signature and longest ticket. */
export const SIGNATURE_MAX_LENGTH = 1024;

/** Engine features that a Hello may list. */
export const FEATURES_MAX = 64;

/** Ids of trusted keys that a Beat may list. */
export const TRUSTED_KEYS_MAX = 16;

/** Largest encoded manifest, in bytes. */
export const MANIFEST_MAX_BYTES = 1024 * 1024;

/** Largest gzip bundle, in bytes. */
export const BUNDLE_GZ_MAX_BYTES = 1024 * 1024;

/** Largest set, uncompressed, in bytes. */
export const SET_MAX_BYTES = 64 * 1024 * 1024;

/** Most domains (so bundles) of one set. */
export const SET_DOMAINS_MAX = 2000;

/** Digests that a PDP remembers having refused for good, per set. */
export const REFUSED_DIGESTS_MAX = 10;

/** PDPs that a status lists by name. */
export const EXCEPTIONS_MAX = 20;

/** Differing answers that one shadow report shows. */
export const SHADOW_SAMPLES_MAX = 20;

/** Longest principal, operation and resource of such an answer, in UTF-8 bytes. */
export const SHADOW_TEXT_MAX_BYTES = 256;

/** Longest salt of a principal share. */
export const SALT_MAX_LENGTH = 300;

/** Waves of one rollout. */
export const WAVES_MAX = 64;

/** Share by which any two clocks may drift from each other. Leases are shortened by it, gaps between commits lengthened. */
export const CLOCK_DRIFT = 0.01;

/** With a greater doubt about the operator's clock a scheduled commit is done at receipt, milliseconds. */
export const CLOCK_ERROR_MAX_MS = 250;

/** A commit scheduled further ahead than this shows that a clock is wrong, and is done at receipt, milliseconds. */
export const COMMIT_AHEAD_MAX_MS = 10_000;
