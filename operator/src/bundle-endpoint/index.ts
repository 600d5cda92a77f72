export { createBundleEndpoint, type BundleEndpoint, type BundleEndpointOptions } from './endpoint.ts';
export { createBundleMetrics } from './bundle-metrics.ts';
export { BUNDLE_LIMITS, type BundleLimits } from './bundle-limits.ts';
export { watchCommittedSets } from './committed-sets.ts';
export { UnmanagedPdps } from './unmanaged-pdps.ts';
