import { BACKDATE_MS, type CertificateFacts, type KeyPair } from './authority.ts';

/** How long certificates live, and when authorities change. */
export interface CertificateTimes {
  readonly authorityMs: number;
  readonly servingMs: number;
  /** A new authority is trusted this long before it signs, so that every client has it by then. */
  readonly overlapMs: number;
}

/** What certificates live by where nothing else is said. */
export const CERTIFICATE_TIMES: CertificateTimes = {
  authorityMs: 365 * 86_400_000,
  servingMs: 90 * 86_400_000,
  overlapMs: 86_400_000,
};

/** A certificate is replaced when less than this share of its life remains. */
export const RENEW_AT_REMAINING = 1 / 3;

/** The next authority signs when less than this share of the life of the one in use remains, whatever the overlap. */
const LAST_CALL = 1 / 12;

/**
 * Why certificates could not live by these times: an authority has to be there until the one after it may sign. Undefined if
 * they can.
 */
export function timesProblem({ authorityMs, servingMs, overlapMs }: CertificateTimes): string | undefined {
  if (overlapMs * 2 > authorityMs * RENEW_AT_REMAINING) {
    return 'the overlap is more than a sixth of the life of an authority: the old one could end before the new one signs';
  }
  return servingMs > authorityMs ? 'a serving certificate cannot live longer than its authority' : undefined;
}

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
  times: CertificateTimes = CERTIFICATE_TIMES,
): CertificateAction | undefined {
  if (view?.authority === undefined || isExpired(view.authority, nowMs)) return 'create-authority';
  const { state, authority, serving, previous } = view;
  if (state.next === undefined && needsRenewal(authority, nowMs)) return 'announce-next-authority';
  if (state.next !== undefined && mayPromote(state.next, authority, nowMs, times)) return 'promote-next-authority';
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

/** After the overlap; or when the authority in use is about to end, which would leave clients with none that they know. */
function mayPromote(
  { sinceMs }: { readonly sinceMs: number },
  authority: CertificateFacts,
  nowMs: number,
  { overlapMs }: CertificateTimes,
): boolean {
  return nowMs - sinceMs >= overlapMs || authority.notAfterMs - nowMs < lifeMs(authority) * LAST_CALL;
}

function needsRenewal(facts: CertificateFacts, nowMs: number): boolean {
  return facts.notAfterMs - nowMs < lifeMs(facts) * RENEW_AT_REMAINING;
}

/** How long a certificate lives from when it was made, milliseconds. What it is dated back by is no part of its life. */
export function lifeMs({ notBeforeMs, notAfterMs }: CertificateFacts): number {
  return notAfterMs - notBeforeMs - BACKDATE_MS;
}

function isExpired({ notAfterMs }: CertificateFacts, nowMs: number): boolean {
  return notAfterMs <= nowMs;
}
