import type { Registry } from 'prom-client';
import { dialTunnel } from '@edict/protocol';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { TunnelOptions } from '../distribution/server.ts';
import { createTunnelMetrics } from '../distribution/tunnel-metrics.ts';
import { watchArtifacts } from '../backend/stored-artifacts.ts';
import type { BundleBytes } from '../backend/bundle-bytes.ts';
import type { ServingCertificates } from '../certificates/certificate-manager.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { Store } from '../store/store.ts';
import { addressAt, type LeaderFinder } from './leader-address.ts';
import type { PodDirectory } from './pod-directory.ts';
import { admitCarried, createReplicaReviewer } from './replica-reviewer.ts';

/** What followers need of a cluster to carry streams. */
export interface KubeFollowersOptions {
  readonly config: Config;
  readonly client: KubeClient;
  readonly store: Pick<Store, 'watch'>;
  readonly pods: PodDirectory;
  readonly bytes: BundleBytes;
  /** The current ones. */
  readonly certificates: () => ServingCertificates;
  /** Pod that leads, as far as this replica has seen. */
  readonly leader: () => string | undefined;
  /** Host of that pod, as {@link LeaderFinder.find} has it. */
  readonly findLeader: LeaderFinder['find'];
  readonly registry: Registry;
  readonly clock: Clock;
}

/** How the replicas of one cluster carry streams to each other, and what ends that. */
export interface KubeFollowers {
  readonly tunnel: TunnelOptions;
  readonly stop: () => Promise<void>;
}

/** Undefined where followers are configured to send PDPs away. */
export function createKubeFollowers(options: KubeFollowersOptions): KubeFollowers | undefined {
  const { config, client, store, pods, bytes, certificates, leader, findLeader, registry, clock } = options;
  if (config.EDICT_OPERATOR_FOLLOWERS !== 'Tunnel') return undefined;
  const namespace = config.EDICT_OPERATOR_NAMESPACE;
  const replica = config.EDICT_OPERATOR_POD_NAME;
  const artifacts = watchArtifacts({ store, bytes, clock });
  const sites = [config.EDICT_OPERATOR_RELAYS, config.EDICT_OPERATOR_RELAY_CERTIFICATES];
  return {
    tunnel: {
      replica,
      leader,
      findLeader: async () => {
        const host = await findLeader();
        if (host === undefined) return undefined;
        return dialTunnel({
          // All replicas listen where this one does.
          address: addressAt(host, config.EDICT_OPERATOR_DISTRIBUTION_PORT),
          ca: certificates().trustBundle,
          serverName: `${config.EDICT_OPERATOR_DISTRIBUTION_SERVICE}.${namespace}.svc`,
          tokenFile: config.EDICT_OPERATOR_REPLICA_TOKEN_FILE,
          clock,
        });
      },
      reviewReplica: createReplicaReviewer(client, {
        namespace,
        serviceAccount: config.EDICT_OPERATOR_SERVICE_ACCOUNT,
      }),
      admit: admitCarried(pods, new Set(sites.flatMap((of) => [...of.values()]))),
      artifacts,
      metrics: createTunnelMetrics(registry),
    },
    stop: artifacts.close,
  };
}
