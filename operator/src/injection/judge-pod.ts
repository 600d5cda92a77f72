import { selectorMatches, type PolicyDecisionPoint, type PolicySet } from '@edict/crds';
import { z } from 'zod';
import type { AdmissionRequest, Verdict } from '../admission/admission-review.ts';
import type { FleetDefaults } from '../controllers/policy-decision-point/fleet-defaults.ts';
import { isDeleting } from '../controllers/world.ts';
import { chooseFleet } from './choose-fleet.ts';
import { injectSidecar } from './inject.ts';
import { memberLabels } from './member-pod.ts';
import { INJECT_LABEL, MIRROR_ANNOTATION } from './names.ts';
import { podName, PodShape } from './pod-shape.ts';
import { renderSidecar, sidecarProblem } from './sidecar.ts';

/** Which of the webhooks asks. The apiserver has decided by it what we may not know yet. */
export type Asker =
  /** The pod's own label. */
  | { readonly type: 'Pod' }
  /** The namespace's label says `enabled`. */
  | { readonly type: 'Namespace' }
  /** The namespace's label says something else than `enabled` and `disabled`. */
  | { readonly type: 'Unclear' }
  /** This fleet's selector, as of this generation. */
  | { readonly type: 'Selector'; readonly fleet: string; readonly generation: number };

/** Reads the path of a webhook (`/mutate/pod`, `/mutate/selector/main/3`); undefined for any other. */
export function askerOf(path: string): Asker | undefined {
  const [, root, type, fleet = '', generation = '', ...rest] = path.split('/');
  if (root !== 'mutate' || rest.length > 0) return undefined;
  if (type === 'selector' && fleet !== '' && /^[0-9]{1,15}$/.test(generation)) {
    return { type: 'Selector', fleet, generation: Number(generation) };
  }
  if (fleet !== '') return undefined;
  if (type === 'pod') return { type: 'Pod' };
  if (type === 'namespace') return { type: 'Namespace' };
  return type === 'unclear' ? { type: 'Unclear' } : undefined;
}

/** What pods of a namespace may have. */
export interface NamespaceFacts {
  readonly fleets: readonly PolicyDecisionPoint[];
  readonly sets: readonly PolicySet[];
}

export interface JudgePodDeps {
  readonly defaults: FleetDefaults;
  /** From the caches. */
  readonly known: (namespace: string) => NamespaceFacts;
  /** As stored now. Rejects if nobody can tell. */
  readonly read: (namespace: string) => Promise<NamespaceFacts>;
}

/** Decides about a pod that is about to be made: it gets a sidecar, needs none, or is refused with what to do. */
export async function judgePod(request: AdmissionRequest, asker: Asker, deps: JudgePodDeps): Promise<Verdict> {
  const { namespace, operation, kind } = request;
  if (operation !== 'CREATE' || kind.kind !== 'Pod') return { allowed: true };
  const parsed = PodShape.safeParse(request.object);
  if (!parsed.success) return { allowed: false, code: 400, message: `not a pod: ${z.prettifyError(parsed.error)}` };
  const subject: Subject = { pod: parsed.data, namespace, asker, defaults: deps.defaults };
  const known = deps.known(namespace);
  if (!isBehind(known, asker)) {
    const verdict = decide(subject, known);
    if (verdict.allowed) return verdict;
  }
  // What the caches lack may have been applied a moment ago, by the very command that makes the pod.
  return decide(subject, await deps.read(namespace));
}

/** Whether the apiserver asks by a selector that the caches do not have yet. */
function isBehind({ fleets }: NamespaceFacts, asker: Asker): boolean {
  if (asker.type !== 'Selector') return false;
  const fleet = fleets.find(({ metadata }) => metadata.name === asker.fleet);
  return (fleet?.metadata.generation ?? 0) < asker.generation;
}

interface Subject {
  readonly pod: PodShape;
  readonly namespace: string;
  readonly asker: Asker;
  readonly defaults: FleetDefaults;
}

function decide({ pod, namespace, asker, defaults }: Subject, { fleets, sets }: NamespaceFacts): Verdict {
  const refused = (...problems: readonly string[]): Verdict => ({
    allowed: false,
    code: 422,
    message: `pod ${namespace}/${podName(pod)} is to have a PDP beside it and cannot: ${problems.join('; ')}`,
  });
  const { labels = {}, annotations = {} } = pod.metadata;
  if (annotations[MIRROR_ANNOTATION] !== undefined) return { allowed: true };
  if (asker.type === 'Unclear' && labels[INJECT_LABEL] === undefined) {
    return refused(
      `label ${INJECT_LABEL} of namespace ${namespace} is neither enabled nor disabled, so nobody knows whether its pods are to have one: correct the label`,
    );
  }
  const choice = chooseFleet({ namespace, labels, isNamespaceEnabled: asker.type === 'Namespace', fleets });
  if (choice.type === 'none') return { allowed: true };
  if (choice.type === 'refused') return refused(choice.problem);
  const { fleet } = choice;
  const { name } = fleet.metadata;
  const problem = sidecarProblem(fleet);
  if (problem !== undefined) return refused(`PolicyDecisionPoint ${name}: ${problem}`);
  const seenAs = memberLabels(labels, name);
  if (!sets.some((set) => !isDeleting(set) && selectorMatches(set.spec.pdps.selector, seenAs))) {
    return refused(
      `no PolicySet of namespace ${namespace} selects the PDPs of PolicyDecisionPoint ${name}, and it would wait for policy for ever: apply a PolicySet there, or a PolicyDomain, for which one is made`,
    );
  }
  const injection = injectSidecar(pod, renderSidecar(fleet, defaults), name);
  if (!injection.ok) return refused(...injection.problems);
  const { patch, warnings } = injection;
  return { allowed: true, warnings, ...(patch.length === 0 ? {} : { patch }) };
}
