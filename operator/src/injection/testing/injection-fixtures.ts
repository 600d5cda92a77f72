import { API_VERSION, PolicyDecisionPointSpec, type PolicyDecisionPoint } from '@edict/crds';
import { PodShape } from '../pod-shape.ts';

/** The namespace of everything here. */
export const NAMESPACE = 'shop';

/** A fleet of sidecars as the API server has it. */
export function someSidecars(name = 'main', spec: object = {}, metadata: object = {}): PolicyDecisionPoint {
  return {
    apiVersion: API_VERSION,
    kind: 'PolicyDecisionPoint',
    metadata: { name, namespace: NAMESPACE, uid: `uid-${name}`, generation: 1, ...metadata },
    spec: PolicyDecisionPointSpec.parse({ form: 'Sidecar', ...spec }),
  };
}

/** A pod of one container `web`, with further members of metadata and spec. */
export function aPod(metadata: object = {}, spec: object = {}, status?: object): PodShape {
  return PodShape.parse({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'web-', namespace: NAMESPACE, ...metadata },
    spec: { containers: [{ name: 'web', image: 'web:1' }], ...spec },
    ...(status === undefined ? {} : { status }),
  });
}
