export { createDistributionMetrics } from './metrics.ts';
export { createDistributionServer } from './server.ts';
