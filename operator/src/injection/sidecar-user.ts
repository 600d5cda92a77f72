import { addMembers, type PatchOperation } from './json-patch.ts';
import { SIDECAR_NAME } from './names.ts';
import type { PodShape } from './pod-shape.ts';

/** Whom a sidecar is told to be in a pod of root: like every file of the image, nobody in particular. */
const NOBODY = { runAsUser: 65_532, runAsGroup: 65_532 } as const;

/**
 * What the security context of a sidecar has to say of its user in this pod. As a rule nothing: the image runs as a user of its own, which is
 * not root, and as any that the pod names or that a platform gives it; one that we named would be out of the range that OpenShift
 * has for each namespace. Only where the pod says root is another one named, for the sidecar would not be started. Pure.
 */
export function userOf({ spec }: Pick<PodShape, 'spec'>): Readonly<Partial<typeof NOBODY>> {
  return spec.securityContext?.runAsUser === 0 ? NOBODY : {};
}

/** Names the user of a sidecar that is there already, and that the pod, changed since, would have be root. Pure. */
export function userPatch(pod: Pick<PodShape, 'spec'>): readonly PatchOperation[] {
  const { initContainers = [] } = pod.spec;
  const index = initContainers.findIndex(({ name }) => name === SIDECAR_NAME);
  const context = initContainers[index]?.securityContext;
  if (index === -1 || context?.runAsUser !== undefined) return [];
  return addMembers(['spec', 'initContainers', index, 'securityContext'], context, userOf(pod));
}
