import type { PdpOptions } from './pdp.ts';
import type { PdpMetrics } from './observability/metrics.ts';

/** Where a PDP has its policy from: an operator, or files. */
export interface PolicyOrigin extends Pick<PdpOptions, 'dial' | 'fetchArtifact' | 'trustedKeys' | 'decisions'> {
  /** The PDP is there. */
  readonly start: (metrics: Pick<PdpMetrics, 'policyLoads' | 'policyRefused'>) => void;
  readonly close: () => Promise<void>;
}
