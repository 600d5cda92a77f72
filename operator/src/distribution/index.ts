export type { DistributionBackend } from './backend.ts';
export {
  ACCEPTED_TTL_MS,
  createAuthenticator,
  REFUSED_TTL_MS,
  type AuthenticatorOptions,
  type ReviewToken,
} from './authenticator.ts';
export { createDistributionMetrics, type DistributionMetrics } from './metrics.ts';
export { createDistributor, type Distributor, type DistributorOptions } from './distributor.ts';
export {
  createDistributionServer,
  DRAIN_MAX_MS,
  NOT_LEADER_RETRY_MS,
  type DistributionServer,
  type DistributionServerOptions,
} from './server.ts';
