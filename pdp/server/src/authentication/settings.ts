/** How callers prove who they are. */
export const AUTHENTICATION_MODES = ['None', 'Certificate', 'Bearer', 'CertificateOrBearer'] as const;
export type AuthenticationMode = (typeof AUTHENTICATION_MODES)[number];

/** The modes in which tokens are taken, and those in which certificates are. */
export const MODES_WITH_BEARER: ReadonlySet<AuthenticationMode> = new Set(['Bearer', 'CertificateOrBearer'] as const);
export const MODES_WITH_CERTIFICATE: ReadonlySet<AuthenticationMode> = new Set([
  'Certificate',
  'CertificateOrBearer',
] as const);

/** Who may ask for decisions. */
export interface AuthenticationSettings {
  readonly mode: AuthenticationMode;
  /**
   * Callers that are let in: names of certificates and subjects of tokens, whole or with `*` at the end for all that begin
   * so. Empty: everyone who proves who they are.
   */
  readonly callers: readonly string[];
  /** Needed where a mode takes bearer tokens. */
  readonly bearer?: BearerSettings | undefined;
}

/** What a bearer token (a JWT) must be like. */
export interface BearerSettings {
  /** An https URL, an http URL for tests and sidecars, or the path of a file. */
  readonly keys: string;
  /** PEM of the authorities that the URL's certificate is checked against; those of the system by default. */
  readonly keysCaFile?: string | undefined;
  readonly issuer: string;
  /** One of these must be among the token's audiences. */
  readonly audiences: readonly string[];
  /** How far clocks may differ. */
  readonly toleranceMs: number;
}
