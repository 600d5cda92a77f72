import { API_VERSION, PolicyDecisionPointSpec, type PolicyDecisionPoint } from '@edict/crds';
import type { FleetDefaults } from '../controllers/policy-decision-point/fleet-defaults.ts';

/** What an operator of the chart knows of the fleets that it makes. */
export const FLEET_DEFAULTS: FleetDefaults = {
  image: 'edict-pdp:1',
  imagePullPolicy: 'IfNotPresent',
  operatorAddress: 'edict-distribution.edict-system.svc:9444',
  bundlesUrl: 'https://edict-distribution.edict-system.svc:9445',
  trustConfigMap: 'edict-ca',
  operatorNamespace: 'edict-system',
  allowedBuiltins: [],
};

/** The fleet `main` of namespace `shop` as the API server has it, with all defaults in its spec. */
export function aFleet(spec: object = {}): PolicyDecisionPoint {
  return {
    apiVersion: API_VERSION,
    kind: 'PolicyDecisionPoint',
    metadata: { name: 'main', namespace: 'shop', uid: 'u1' },
    spec: PolicyDecisionPointSpec.parse(spec),
  };
}
