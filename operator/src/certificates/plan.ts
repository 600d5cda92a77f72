import type { CertificateFacts, KeyPair } from './authority.ts';

/** How long certificates live, and when they are replaced. */
export const AUTHORITY_LIFETIME_MS = 365 * 86_400_000;
export const SERVING_LIFETIME_MS = 90 * 86_400_000;
/** A certificate is replaced when less than this share of its life remains. */
export const RENEW_AT_REMAINING = 1 / 3;
/** A new authority is trusted this long before it signs, so that every client has it by then. */
export const OVERLAP_MS = 86_400_000;

/** What the certificate Secret holds. */
export interface CertificateState {
  readonly authority: KeyPair;
  readonly serving: KeyPair;
  /** The authority that will sign next; trusted already. */
  readonly next?: KeyPair & { readonly sinceMs: number };
  /** The certificate of the authority before; trusted until it expires. */
  readonly previous?: string;
}

/** A state with what its certificates say. Absent facts mean that the text is no certificate. */
export interface CertificateView {
  readonly state: CertificateState;
  readonly authority: CertificateFacts | undefined;
  readonly serving: CertificateFacts | undefined;
  readonly previous: CertificateFacts | undefined;
  /** Whether the serving certificate bears the authority's signature. */
  readonly isServingSigned: boolean;
}

/** One step of the certificates' life. After a step, plan again. */
export type CertificateAction =
  | 'create-authority'
  | 'announce-next-authority'
  | 'promote-next-authority'
  | 'drop-previous-authority'
  | 'issue-serving';

/** The next thing to do, or undefined when all is well. Pure. */
export function planCertificates(
  view: CertificateView | undefined,
  dnsNames: readonly string[],
  nowMs: number,
): CertificateAction | undefined {
  if (view?.authority === undefined || isExpired(view.authority, nowMs)) return 'create-authority';
  const { state, authority, serving, previous } = view;
  if (state.next === undefined && needsRenewal(authority, nowMs)) return 'announce-next-authority';
  if (state.next !== undefined && nowMs - state.next.sinceMs >= OVERLAP_MS) return 'promote-next-authority';
  if (state.previous !== undefined && (previous === undefined || isExpired(previous, nowMs))) {
    return 'drop-previous-authority';
  }
  const isUsable =
    serving !== undefined &&
    view.isServingSigned &&
    !needsRenewal(serving, nowMs) &&
    dnsNames.every((name) => serving.dnsNames.includes(name));
  return isUsable ? undefined : 'issue-serving';
}

/** Every certificate that clients are to trust, PEM: the authority in use, the next, the previous. */
export function trustBundle({ authority, next, previous }: CertificateState): string {
  return [authority.certificate, next?.certificate, previous].filter((text) => text !== undefined).join('');
}

function needsRenewal({ notBeforeMs, notAfterMs }: CertificateFacts, nowMs: number): boolean {
  return notAfterMs - nowMs < (notAfterMs - notBeforeMs) * RENEW_AT_REMAINING;
}

function isExpired({ notAfterMs }: CertificateFacts, nowMs: number): boolean {
  return notAfterMs <= nowMs;
}
