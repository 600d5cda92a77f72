import { isDeleting } from '../controllers/world.ts';
import { createOperator } from '../operator.ts';
import type { Operator } from '../operator-types.ts';
import type { Clock } from '../clock.ts';
import type { DomainChecker } from '../compile/domain-checker.ts';
import type { FleetDefaults } from '../controllers/policy-decision-point/fleet-defaults.ts';
import type { EventSink } from '../events.ts';
import type { DistributionMetrics } from '../distribution/metrics.ts';
import type { OperatorLog } from '../observability/log.ts';
import type { OperatorMetrics } from '../observability/metrics.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { KubeObjects } from '../store/kube/kube-objects.ts';
import type { Store } from '../store/store.ts';
import type { Registry } from 'prom-client';
import type { SigningKey } from '@edict/bundle';
import type { PolicyDecisionPoint, PolicySet } from '@edict/crds';
import { startFleetController, type FleetController } from './fleet-controller.ts';
import type { PodDirectory } from './pod-directory.ts';
import type { Owner, TrustPublisher } from './trust-publisher.ts';

export interface LeadershipOptions {
  readonly store: Store;
  readonly client: KubeClient;
  readonly objects: KubeObjects;
  readonly pods: PodDirectory;
  readonly checker: DomainChecker;
  readonly signingKey: SigningKey;
  readonly identity: string;
  readonly artifactsUrl: string;
  readonly fallbackSources: readonly string[];
  /** Hellos that are admitted a second. */
  readonly helloRate: number;
  readonly ticketKey: Uint8Array;
  readonly defaults: FleetDefaults;
  readonly events: EventSink;
  readonly registry: Registry;
  readonly metrics: OperatorMetrics;
  readonly distributionMetrics: DistributionMetrics;
  readonly log: OperatorLog;
  readonly clock: Clock;
  /** PDPs that pull the bundle of a set by themselves. */
  readonly unmanaged: (set: string) => number;
  /** Makes the publisher once the leader knows which namespaces need trust. */
  readonly createTrust: (namespaces: () => ReadonlyMap<string, readonly Owner[]>) => TrustPublisher;
}

/** What only the leader runs: the controllers and distribution. */
export interface Leadership {
  readonly operator: Operator;
  readonly trust: TrustPublisher;
  readonly stop: () => Promise<void>;
}

/** Takes up the leader's work. */
export async function lead(options: LeadershipOptions): Promise<Leadership> {
  const { helloRate } = options;
  const operator = createOperator({ ...options, members: options.pods, tuning: { helloRate } });
  await operator.start();
  const world = operator.world();
  const fleetsNow = (): readonly PolicyDecisionPoint[] => fleets.fleets();
  const trust = options.createTrust(() => ownersByNamespace([...world.sets.list(), ...fleetsNow()]));
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

/** Everything that needs trust material in its namespace, by namespace. What is being deleted needs it no more. */
function ownersByNamespace(
  objects: readonly (PolicySet | PolicyDecisionPoint)[],
): ReadonlyMap<string, readonly Owner[]> {
  const owners = new Map<string, Owner[]>();
  for (const { kind, metadata } of objects) {
    if (isDeleting({ metadata })) continue;
    const { namespace = '', name, uid = '' } = metadata;
    owners.set(namespace, [...(owners.get(namespace) ?? []), { kind, name, uid }]);
  }
  return owners;
}
