import type { Sidecar } from './sidecar.ts';
import { SIDECAR_NAME } from './names.ts';
import { allContainers, hasSidecar } from './member-pod.ts';
import type { PodShape } from './pod-shape.ts';

/** Why the pod and a sidecar of the fleet named `fleet` do not go together, each with what to do; none if they do. Pure. */
export function conflictsOf(pod: PodShape, sidecar: Sidecar, fleet: string): readonly string[] {
  const { spec } = pod;
  const problems: string[] = [];
  if (spec.hostNetwork === true) {
    problems.push(
      'the pod is in the network of its node, where another pod may have the ports of its PDP: use a PolicyDecisionPoint of form Deployment for it',
    );
  }
  if (spec.os?.name === 'windows') problems.push('the pod is for Windows, and PDPs run on Linux');
  const namesake = allContainers(pod).find(({ name }) => name === SIDECAR_NAME);
  if (namesake !== undefined && !hasSidecar(pod)) {
    problems.push(`container ${SIDECAR_NAME} has the name of the sidecar and is none: give it another name`);
  }
  return [...problems, ...portConflicts(pod, sidecar, fleet), ...volumeConflicts(pod, sidecar)];
}

function portConflicts(pod: PodShape, sidecar: Sidecar, fleet: string): readonly string[] {
  const ours = new Map(sidecar.container.ports.map(({ name, containerPort }) => [containerPort, name]));
  return allContainers(pod)
    .filter(({ name }) => name !== SIDECAR_NAME)
    .flatMap(({ name, ports = [] }) =>
      ports
        .filter(({ containerPort, protocol = 'TCP' }) => protocol === 'TCP' && ours.has(containerPort))
        .map(({ containerPort }) => {
          const member = `spec.ports.${(ours.get(containerPort) ?? '').replace(/^edict-/, '')}`;
          return `container ${name} listens on port ${containerPort}, and so would the PDP: set ${member} of PolicyDecisionPoint ${fleet} to a free port`;
        }),
    );
}

function volumeConflicts({ spec }: PodShape, { volumes }: Sidecar): readonly string[] {
  const names = new Set(volumes.map(({ name }) => name));
  return (spec.volumes ?? [])
    .filter(({ name }) => names.has(name))
    .map(({ name }) => `volume ${name} has the name of a volume of the PDP: give it another name`);
}
