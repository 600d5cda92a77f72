import { TOKEN_AUDIENCE } from '../controllers/policy-decision-point/fleet-defaults.ts';
import { FLEET_LABEL, selectorLabels } from '../controllers/policy-decision-point/fleet-labels.ts';
import { isPdpPod } from './choose-fleet.ts';
import { SIDECAR_NAME } from './names.ts';
import type { PodContainer, PodShape } from './pod-shape.ts';

/** Init containers and containers, in the order in which they start. */
export function allContainers({ spec }: Pick<PodShape, 'spec'>): readonly PodContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** The native sidecar of a pod, injected or by hand; undefined if it has none. */
function sidecarOf({ spec }: Pick<PodShape, 'spec'>): PodContainer | undefined {
  return spec.initContainers?.find(({ name, restartPolicy }) => name === SIDECAR_NAME && restartPolicy === 'Always');
}

/** Whether a pod has a PDP beside its containers. */
export function hasSidecar(pod: Pick<PodShape, 'spec'>): boolean {
  return sidecarOf(pod) !== undefined;
}

/**
 * The fleet that a pod has a sidecar of, so that its PDP is one of the set's: it must name the fleet by label, and its sidecar, and
 * no other container, must have the token that PDPs prove themselves by. A label alone, which more people may write, makes
 * nobody a member. Undefined for all other pods, those of PDPs among them.
 */
export function fleetOfMember(pod: PodShape): string | undefined {
  const { labels = {} } = pod.metadata;
  const fleet = labels[FLEET_LABEL];
  if (fleet === undefined || fleet === '' || isPdpPod(labels)) return undefined;
  const sidecar = sidecarOf(pod);
  if (sidecar === undefined) return undefined;
  const tokens = new Set(
    (pod.spec.volumes ?? [])
      .filter(({ projected }) =>
        projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken?.audience === TOKEN_AUDIENCE),
      )
      .map(({ name }) => name),
  );
  const mountsToken = ({ volumeMounts = [] }: PodContainer): boolean =>
    volumeMounts.some(({ name }) => tokens.has(name));
  if (!mountsToken(sidecar)) return undefined;
  return allContainers(pod).some((container) => container !== sidecar && mountsToken(container)) ? undefined : fleet;
}

/** The labels by which sets choose the PDP of such a pod: its own, and those that pods of a fleet have. */
export function memberLabels(
  labels: Readonly<Record<string, string>>,
  fleet: string,
): Readonly<Record<string, string>> {
  return { ...labels, ...selectorLabels(fleet) };
}

/** Whether the container of the sidecar runs. The pod itself counts as pending until the application is started. */
export function isSidecarRunning({ status }: Pick<PodShape, 'status'>): boolean {
  return statusOfSidecar({ status })?.state?.running !== undefined;
}

/** Whether the sidecar serves policy. */
export function isSidecarReady({ status }: Pick<PodShape, 'status'>): boolean {
  return statusOfSidecar({ status })?.ready === true;
}

function statusOfSidecar({ status }: Pick<PodShape, 'status'>) {
  return status?.initContainerStatuses?.find(({ name }) => name === SIDECAR_NAME);
}
