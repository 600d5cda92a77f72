import { createOperator } from '../operator.ts';
import type { Operator } from '../operator-types.ts';
import type { Clock } from '../clock.ts';
import type { DomainChecker } from '../compile/domain-checker.ts';
import type { FleetDefaults } from '../controllers/policy-decision-point/render.ts';
import type { EventSink } from '../events.ts';
import type { DistributionMetrics } from '../distribution/metrics.ts';
import type { OperatorLog } from '../observability/log.ts';
import type { OperatorMetrics } from '../observability/metrics.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { KubeObjects } from '../store/kube/kube-objects.ts';
import type { Store } from '../store/store.ts';
import type { Registry } from 'prom-client';
import type { SigningKey } from '@edict/bundle';
import { startFleetController, type FleetController } from './fleet-controller.ts';
import type { PodDirectory } from './pod-directory.ts';
import type { TrustPublisher } from './trust-publisher.ts';

export interface LeadershipOptions {
  readonly store: Store;
  readonly client: KubeClient;
  readonly objects: KubeObjects;
  readonly pods: PodDirectory;
  readonly checker: DomainChecker;
  readonly signingKey: SigningKey;
  readonly identity: string;
  readonly artifactsUrl: string;
  readonly ticketKey: Uint8Array;
  readonly defaults: FleetDefaults;
  readonly events: EventSink;
  readonly registry: Registry;
  readonly metrics: OperatorMetrics;
  readonly distributionMetrics: DistributionMetrics;
  readonly log: OperatorLog;
  readonly clock: Clock;
  /** Makes the publisher once the leader knows which namespaces need trust. */
  readonly createTrust: (namespaces: () => ReadonlySet<string>) => TrustPublisher;
}

/** What only the leader runs: the controllers and distribution. */
export interface Leadership {
  readonly operator: Operator;
  readonly trust: TrustPublisher;
  readonly stop: () => Promise<void>;
}

/** Takes up the leader's work. */
export async function lead(options: LeadershipOptions): Promise<Leadership> {
  const operator = createOperator({ ...options, members: options.pods });
  await operator.start();
  const world = operator.world();
  const fleetNamespaces = (): ReadonlySet<string> => fleets.namespaces();
  const trust = options.createTrust(() => {
    const withSets = world.sets.list().map(({ metadata }) => metadata.namespace ?? '');
    return new Set([...withSets, ...fleetNamespaces()]);
  });
  const fleets: FleetController = startFleetController({
    ...options,
    world,
    random: Math.random,
    onChange: trust.look,
  });
  const unsubscribe = operator.backend().onChange(trust.look);
  return {
    operator,
    trust,
    stop: async () => {
      unsubscribe();
      trust.stop();
      await fleets.stop();
      await operator.stop();
    },
  };
}
