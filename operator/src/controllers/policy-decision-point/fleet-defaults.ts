/** Audience of the token that a PDP proves itself with. */
export const TOKEN_AUDIENCE = 'edict-distribution';

/** What the operator knows and every fleet needs. */
export interface FleetDefaults {
  readonly image: string;
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never';
  /** `host:port` of the distribution stream. */
  readonly operatorAddress: string;
  /** https URL of manifests and bundles. */
  readonly bundlesUrl: string;
  /** ConfigMap in the fleet's namespace with `ca.crt` and `keys.json`. */
  readonly trustConfigMap: string;
  /** Namespace of the operator, which its PDPs must reach. */
  readonly operatorNamespace: string;
  /** Network built-ins that policies may call, by name. */
  readonly allowedBuiltins: readonly string[];
}
