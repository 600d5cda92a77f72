import type { PolicyDecisionPoint } from '@edict/crds';
import { isDeleting } from '../controllers/world.ts';
import { chooseFleet, isPdpPod } from './choose-fleet.ts';
import { fleetOfMember, hasSidecar, isSidecarReady } from './member-pod.ts';
import { INJECTED_ANNOTATION, MIRROR_ANNOTATION } from './names.ts';
import { podName, type PodShape } from './pod-shape.ts';

/** A pod, as far as a roll call needs it: what is kept of each. */
export interface PodEntry {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The fleet that it has a sidecar of. */
  readonly fleet: string | undefined;
  /** It has a sidecar, of a fleet or of nobody. */
  readonly hasSidecar: boolean;
  readonly isReady: boolean;
  /** What was injected, if it was. */
  readonly hash: string | undefined;
}

/** The entry of a pod; undefined for one that ends or has ended, which nobody expects to have a PDP. */
export function entryOf(pod: PodShape): PodEntry | undefined {
  const { metadata, status } = pod;
  const { labels = {}, annotations = {} } = metadata;
  if (isDeleting({ metadata }) || status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined;
  if (annotations[MIRROR_ANNOTATION] !== undefined || isPdpPod(labels)) return undefined;
  return {
    name: podName(pod),
    labels,
    fleet: fleetOfMember(pod),
    hasSidecar: hasSidecar(pod),
    isReady: isSidecarReady(pod),
    hash: annotations[INJECTED_ANNOTATION],
  };
}

/** Who of a namespace has a PDP, and who should. */
export interface RollCall {
  /** By the name of the fleet; every fleet of sidecars has an entry. */
  readonly fleets: ReadonlyMap<string, FleetRoll>;
  /** Pods that should have a PDP of no fleet that anybody could name, sorted. */
  readonly unassigned: readonly string[];
}

/** The pods of one fleet of sidecars. */
export interface FleetRoll {
  /** Pods that have a PDP or should. */
  readonly desired: number;
  readonly present: number;
  readonly ready: number;
  /** Names of the pods without one, sorted. */
  readonly without: readonly string[];
  /** The hash of what was injected, of each that was. */
  readonly hashes: readonly string[];
}

export interface RollCallFacts {
  readonly namespace: string;
  readonly isNamespaceEnabled: boolean;
  /** Of the namespace, of any form. */
  readonly fleets: readonly PolicyDecisionPoint[];
  readonly pods: Iterable<PodEntry>;
}

/** Compares the pods that are there with what admission would have done to them. Pure. */
export function callRoll({ namespace, isNamespaceEnabled, fleets, pods }: RollCallFacts): RollCall {
  const rolls = new Map(
    fleets
      .filter(({ spec }) => spec.form === 'Sidecar')
      .map(({ metadata }) => [
        metadata.name,
        { present: 0, ready: 0, without: [] as string[], hashes: [] as string[] },
      ]),
  );
  const unassigned: string[] = [];
  for (const pod of pods) {
    const roll = pod.fleet === undefined ? undefined : rolls.get(pod.fleet);
    if (roll !== undefined) {
      roll.present += 1;
      if (pod.isReady) roll.ready += 1;
      if (pod.hash !== undefined) roll.hashes.push(pod.hash);
      continue;
    }
    // One by hand that is nobody's is what its pod wants.
    if (pod.hasSidecar) continue;
    const choice = chooseFleet({ namespace, labels: pod.labels, isNamespaceEnabled, fleets });
    if (choice.type === 'none') continue;
    const chosen = choice.type === 'fleet' ? rolls.get(choice.fleet.metadata.name) : undefined;
    if (chosen === undefined) unassigned.push(pod.name);
    else chosen.without.push(pod.name);
  }
  return {
    fleets: new Map(
      [...rolls].map(([name, { present, ready, without, hashes }]) => [
        name,
        { desired: present + without.length, present, ready, without: without.sort(), hashes },
      ]),
    ),
    unassigned: unassigned.sort(),
  };
}
