import { isDeleting, type World } from '../controllers/world.ts';
import { createOperator } from '../operator.ts';
import type { Operator } from '../operator-types.ts';
import type { Clock } from '../clock.ts';
import type { DomainChecker } from '../compile/domain-checker.ts';
import type { FleetDefaults } from '../controllers/policy-decision-point/fleet-defaults.ts';
import type { EventSink } from '../events.ts';
import type { DistributionMetrics } from '../distribution/metrics.ts';
import type { OperatorLog } from '../observability/log.ts';
import type { OperatorMetrics } from '../observability/metrics.ts';
import type { RolloutObserver } from '../observability/tracing.ts';
import type { KubeClient } from '../store/kube/kube-client.ts';
import type { KubeObjects } from '../store/kube/kube-objects.ts';
import type { Store } from '../store/store.ts';
import type { Registry } from 'prom-client';
import type { Signer } from '../keys/signer.ts';
import type { PolicyDecisionPoint, PolicySet } from '@edict/crds';
import { startFleetController, type FleetController, type InjectionPlace } from './fleet-controller.ts';
import { startManetuController } from './manetu-controller.ts';
import type { ManetuGroup } from './manetu-group.ts';
import type { PodDirectory } from './pod-directory.ts';
import type { Owner, TrustPublisher } from './trust-publisher.ts';

export interface LeadershipOptions {
  readonly store: Store;
  readonly client: KubeClient;
  readonly objects: KubeObjects;
  readonly pods: PodDirectory;
  readonly checker: DomainChecker;
  readonly signer: Signer;
  readonly identity: string;
  readonly artifactsUrl: string;
  readonly fallbackSources: readonly string[];
  /** Hellos that are admitted a second. */
  readonly helloRate: number;
  readonly ticketKey: Uint8Array;
  readonly defaults: FleetDefaults;
  readonly injection: InjectionPlace;
  readonly events: EventSink;
  readonly registry: Registry;
  readonly metrics: OperatorMetrics;
  readonly distributionMetrics: DistributionMetrics;
  /** Makes traces of rollouts; nobody does if absent. */
  readonly observer?: RolloutObserver | undefined;
  readonly log: OperatorLog;
  readonly clock: Clock;
  /** PDPs that pull the bundle of a set by themselves. */
  readonly unmanaged: (set: string) => number;
  /** Absent: PolicyDomains of Manetu's group are nothing to it. */
  readonly manetu?: Pick<ManetuGroup, 'mode' | 'follow'>;
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
  const manetu = options.manetu && followManetu(options, options.manetu, world);
  return {
    operator,
    trust,
    stop: async () => {
      unsubscribe();
      await manetu?.();
      trust.stop();
      await fleets.stop();
      await operator.stop();
    },
  };
}

/** Serves Manetu's group while it is ours; returns what ends that. */
function followManetu(
  options: LeadershipOptions,
  group: Pick<ManetuGroup, 'mode' | 'follow'>,
  world: World,
): () => Promise<void> {
  const controller = startManetuController({ ...options, world, mode: group.mode, random: Math.random });
  const unfollow = group.follow(controller.setActive);
  return async () => {
    unfollow();
    await controller.stop();
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
