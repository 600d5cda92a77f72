/** Bounds of the bundle endpoint, each with its default. */
export interface BundleLimits {
  /** Requests of one replica that may wait for a new revision; more are told to come back. Default 4,096. */
  readonly waitersMax: number;
  /** Longest wait, whatever the client asks for. Default 300 s. */
  readonly waitMaxMs: number;
  /** Bundles that one replica sends at a time. Default 64. */
  readonly transfersMax: number;
  /** Bytes of rendered bundles that stay in memory. Default 64 MiB. */
  readonly cacheMaxBytes: number;
  /** Bytes of bundles of single domains that stay in memory, to be put together. Default 8 MiB. */
  readonly storedMaxBytes: number;
  /** Revisions that are rendered at a time; others wait their turn. Default 2. */
  readonly rendersMax: number;
  /** Largest status report, in bytes. Default 1 MiB. */
  readonly statusMaxBytes: number;
  /** Status reports that are read at a time. Default 64. */
  readonly statusesMax: number;
  /** Unmanaged PDPs that are counted, in all. Default 20,000. */
  readonly unmanagedMax: number;
  /** So long after its last report an unmanaged PDP is not counted any more. Default 10 min. */
  readonly unmanagedTtlMs: number;
  /** How long access that was granted is taken as granted; a withdrawn one lasts this much longer. Default 60 s. */
  readonly grantedTtlMs: number;
  /** How long access that was refused is refused without asking again. Default 10 s. */
  readonly refusedTtlMs: number;
  /** Verdicts about access that are remembered. Default 20,000. */
  readonly verdictsMax: number;
  /** Verdicts that are asked for at a time, and how many more requests may wait for that. Default 16 and 256. */
  readonly reviewsMax: number;
  readonly reviewsWaitingMax: number;
}

/** Defaults of {@link BundleLimits}. */
export const BUNDLE_LIMITS: BundleLimits = {
  waitersMax: 4096,
  waitMaxMs: 300_000,
  transfersMax: 64,
  cacheMaxBytes: 64 * 1024 * 1024,
  storedMaxBytes: 8 * 1024 * 1024,
  rendersMax: 2,
  statusMaxBytes: 1024 * 1024,
  statusesMax: 64,
  unmanagedMax: 20_000,
  unmanagedTtlMs: 600_000,
  grantedTtlMs: 60_000,
  refusedTtlMs: 10_000,
  verdictsMax: 20_000,
  reviewsMax: 16,
  reviewsWaitingMax: 256,
};

/** Seconds after which a client that found the replica busy may come back. */
export const BUSY_RETRY_SECONDS = 1;
