/** Label that names the fleet on everything made for it, and on pods that have a sidecar of it. */
export const FLEET_LABEL = 'edict.dev/pdp';
/** What owned objects are watched by. */
export const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'edict-operator' } as const;

/** Labels that select the pods of a fleet. Immutable in a Deployment, so nothing of the spec is in them. */
export function selectorLabels(name: string): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': 'edict-pdp', 'app.kubernetes.io/component': 'pdp', [FLEET_LABEL]: name };
}
