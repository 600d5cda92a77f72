import { selectorMatches, type PolicyDecisionPoint } from '@edict/crds';
import { FLEET_LABEL, selectorLabels } from '../controllers/policy-decision-point/fleet-labels.ts';
import { isDeleting } from '../controllers/world.ts';
import { INJECT_LABEL } from './names.ts';

/** Which sidecar a pod is to have. */
export type Choice =
  | { readonly type: 'none' }
  | { readonly type: 'fleet'; readonly fleet: PolicyDecisionPoint }
  /** It should have one, and cannot: `problem` says why, and what to do about it. */
  | { readonly type: 'refused'; readonly problem: string };

/** What a choice goes by. */
export interface ChoiceFacts {
  readonly namespace: string;
  /** Of the pod. */
  readonly labels: Readonly<Record<string, string>>;
  /** The namespace has label edict.dev/inject: enabled. */
  readonly isNamespaceEnabled: boolean;
  /** Of the pod's namespace, of any form. */
  readonly fleets: readonly PolicyDecisionPoint[];
}

/** Whether the pod is one of PDPs: they have none beside them. */
export function isPdpPod(labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selectorLabels(labels[FLEET_LABEL] ?? '')).every(([name, value]) => labels[name] === value);
}

/**
 * Which PolicyDecisionPoint of form Sidecar applies to a pod: the one that the pod names by label edict.dev/pdp; else the one
 * that selects it; else, if pod or namespace ask for a sidecar, the one without a selector. One that cannot be told is no
 * reason to go without. Pure.
 */
export function chooseFleet({ namespace, labels, isNamespaceEnabled, fleets }: ChoiceFacts): Choice {
  const wish = labels[INJECT_LABEL];
  if (wish === 'disabled' || isPdpPod(labels)) return { type: 'none' };
  if (wish !== undefined && wish !== 'enabled') {
    return refused(`label ${INJECT_LABEL} is "${wish}": say enabled or disabled`);
  }
  const sidecars = fleets.filter((fleet) => fleet.spec.form === 'Sidecar' && !isDeleting(fleet));
  const selecting = sidecars.filter(({ spec }) => {
    const selector = spec.sidecar?.selector;
    return selector !== undefined && selectorMatches(selector, labels);
  });
  const isAsked = wish === 'enabled' || isNamespaceEnabled;
  if (!isAsked && selecting.length === 0) return { type: 'none' };
  const named = labels[FLEET_LABEL];
  if (named !== undefined) return namedFleet(named, namespace, fleets);
  if (selecting.length > 0) return onlyOne(selecting, 'select the pod');
  const open = sidecars.filter(({ spec }) => spec.sidecar?.selector === undefined);
  if (open.length > 0) return onlyOne(open, 'of the namespace have no selector');
  const others = sidecars.map(({ metadata }) => metadata.name).sort();
  return refused(
    others.length === 0
      ? `namespace ${namespace} has no PolicyDecisionPoint of form Sidecar: make one (spec.form: Sidecar)`
      : `no PolicyDecisionPoint of form Sidecar in namespace ${namespace} selects the pod (there ${others.length === 1 ? 'is' : 'are'} ${others.join(', ')}): change its selector, or name one by label ${FLEET_LABEL} of the pod`,
  );
}

function namedFleet(name: string, namespace: string, fleets: readonly PolicyDecisionPoint[]): Choice {
  const fleet = fleets.find(({ metadata }) => metadata.name === name);
  if (fleet === undefined || isDeleting(fleet)) {
    return refused(`label ${FLEET_LABEL} names ${name}, and namespace ${namespace} has no such PolicyDecisionPoint`);
  }
  return fleet.spec.form === 'Sidecar'
    ? { type: 'fleet', fleet }
    : refused(`label ${FLEET_LABEL} names ${name}, which is of form ${fleet.spec.form}: name one of form Sidecar`);
}

function onlyOne(fleets: readonly PolicyDecisionPoint[], why: string): Choice {
  const [fleet] = fleets;
  if (fleet !== undefined && fleets.length === 1) return { type: 'fleet', fleet };
  const names = fleets.map(({ metadata }) => metadata.name).sort();
  return refused(`PolicyDecisionPoints ${names.join(', ')} ${why}: name the one that applies by label ${FLEET_LABEL}`);
}

function refused(problem: string): Choice {
  return { type: 'refused', problem };
}
