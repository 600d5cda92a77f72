import type { PodContainer, PodShape } from './pod-shape.ts';
import { FLEET_LABEL } from '../controllers/policy-decision-point/fleet-labels.ts';
import { conflictsOf } from './conflicts.ts';
import { addItems, addMembers, type PatchOperation } from './json-patch.ts';
import { hasSidecar } from './member-pod.ts';
import { INJECTED_ANNOTATION, OWN_PDP_URL_ANNOTATION, PDP_URL, SIDECAR_NAME } from './names.ts';
import type { Sidecar } from './sidecar.ts';
import { userOf, userPatch } from './sidecar-user.ts';

/** What becomes of a pod. */
export type Injection =
  | { readonly ok: true; readonly patch: readonly PatchOperation[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * The patch that puts a sidecar of the named fleet into a pod. A pod that has one by hand stays as it is; one that got it from us gets
 * only what containers that came since lack, and a user if it would be root since, so that it may be asked for any number of times. Pure.
 */
export function injectSidecar(pod: PodShape, sidecar: Sidecar, fleet: string): Injection {
  const isPresent = hasSidecar(pod);
  if (isPresent && pod.metadata.annotations?.[INJECTED_ANNOTATION] === undefined) {
    return { ok: true, patch: [], warnings: [] };
  }
  const problems = conflictsOf(isPresent ? withoutVolumes(pod) : pod, sidecar, fleet);
  if (problems.length > 0) return { ok: false, problems };
  const urls = urlPatch(pod, sidecar.url);
  const { metadata, spec } = pod;
  const annotations = {
    ...(isPresent ? {} : { [INJECTED_ANNOTATION]: sidecar.hash }),
    ...(urls.own.length === 0 ? {} : { [OWN_PDP_URL_ANNOTATION]: urls.own.join(',') }),
  };
  const secrets = sidecar.imagePullSecrets.filter(
    ({ name }) => spec.imagePullSecrets?.some((secret) => secret.name === name) !== true,
  );
  return {
    ok: true,
    // Variables first: the container that comes before the others moves their places.
    patch: [
      ...urls.patch,
      ...addMembers(['metadata', 'annotations'], metadata.annotations, annotations),
      ...(isPresent
        ? userPatch(pod)
        : [
            ...addMembers(['metadata', 'labels'], metadata.labels, { [FLEET_LABEL]: fleet }),
            ...addItems(['spec', 'volumes'], spec.volumes, sidecar.volumes, 'last'),
            ...addItems(['spec', 'imagePullSecrets'], spec.imagePullSecrets, secrets, 'last'),
            ...addItems(['spec', 'initContainers'], spec.initContainers, [containerIn(pod, sidecar)], 'first'),
          ]),
    ],
    warnings: urls.own.map(
      (name) => `container ${name} has a ${PDP_URL} of its own, which was left alone: its PDP is at ${sidecar.url}`,
    ),
  };
}

/** The sidecar's container as this pod needs it. */
function containerIn(pod: PodShape, { container }: Sidecar): object {
  return { ...container, securityContext: { ...(container['securityContext'] as object), ...userOf(pod) } };
}

/** Every container but the sidecar learns where its PDP is; `own` are those that have been told otherwise. */
function urlPatch(
  pod: PodShape,
  url: string,
): { readonly patch: readonly PatchOperation[]; readonly own: readonly string[] } {
  const patch: PatchOperation[] = [];
  const own: string[] = [];
  const visit = (list: 'initContainers' | 'containers', containers: readonly PodContainer[]): void => {
    for (const [index, { name, env }] of containers.entries()) {
      if (name === SIDECAR_NAME) continue;
      const known = env?.find((variable) => variable.name === PDP_URL);
      if (known !== undefined) {
        if (known.value !== url) own.push(name);
        continue;
      }
      // First, so that the container's own variables can refer to it.
      patch.push(...addItems(['spec', list, index, 'env'], env, [{ name: PDP_URL, value: url }], 'first'));
    }
  };
  visit('initContainers', pod.spec.initContainers ?? []);
  visit('containers', pod.spec.containers);
  return { patch, own };
}

/** Its volumes are there because we put them there. */
function withoutVolumes(pod: PodShape): PodShape {
  return { ...pod, spec: { ...pod.spec, volumes: [] } };
}
