import { unsafeBuiltinsBut } from '@edict/bundle';
import { type NetworkAccess, type NetworkBuiltin, type NetworkLimits } from '@edict/engine';
import type { PdpMetrics } from '../observability/metrics.ts';
import { createNetworkPort } from './network-port.ts';
import type { ResponseCacheLimits } from './response-cache.ts';
import type { TlsSources } from './tls-materials.ts';

/** What policies may do with the network. By default nothing. */
export interface NetworkSettings {
  /** Built-ins that policies may call. */
  readonly allowedBuiltins?: readonly NetworkBuiltin[];
  /** Hosts that they may reach: names, `*.suffix`, `*`, addresses and networks. */
  readonly allowedHosts?: readonly string[];
  /** Bounds other than `DEFAULT_NETWORK_LIMITS`. */
  readonly limits?: Partial<NetworkLimits>;
  /** Bounds of what is kept for later decisions. */
  readonly cache?: Partial<ResponseCacheLimits>;
  /** Files and variables that certificates and keys may come from. */
  readonly tlsSources?: TlsSources;
}

/** The network as decisions use it. */
export interface OpenNetwork {
  readonly access: NetworkAccess;
  /** Built-ins whose callers are not even compiled. */
  readonly unsafeBuiltins: readonly string[];
  readonly close: () => void;
}

type NetworkMetrics = Pick<PdpMetrics, 'networkRequests' | 'networkSeconds' | 'networkBytes'>;

/**
 * Opens the network as far as the settings allow, counting what is asked.
 * @throws AllowedHostsError
 */
export function openNetwork(settings: NetworkSettings, userAgent: string, metrics: NetworkMetrics): OpenNetwork {
  const { allowedBuiltins = [], allowedHosts = [], limits, cache, tlsSources } = settings;
  const port = createNetworkPort({
    allowedHosts,
    userAgent,
    ...(cache === undefined ? {} : { cache }),
    ...(tlsSources === undefined ? {} : { tlsSources }),
    observe: ({ builtin, outcome, durationMs, requestBytes, responseBytes }) => {
      metrics.networkRequests.inc({ builtin, outcome });
      if (outcome !== 'cached') metrics.networkSeconds.observe({ builtin }, durationMs / 1000);
      metrics.networkBytes.inc({ direction: 'sent' }, requestBytes);
      metrics.networkBytes.inc({ direction: 'received' }, responseBytes);
    },
  });
  const access: NetworkAccess = {
    port,
    allowedBuiltins,
    ...(limits === undefined ? {} : { limits }),
    onRefused: (builtin) => metrics.networkRequests.inc({ builtin, outcome: 'forbidden-builtin' }),
  };
  return { access, unsafeBuiltins: unsafeBuiltinsBut(allowedBuiltins), close: port.close };
}
