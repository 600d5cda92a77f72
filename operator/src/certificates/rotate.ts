import { createAuthority, issueServing, isSignedBy, readCertificate } from './authority.ts';
import {
  CERTIFICATE_TIMES,
  planCertificates,
  type CertificateTimes,
  type CertificateAction,
  type CertificateState,
  type CertificateView,
} from './plan.ts';

/** Steps that one call may take; a plan that does not settle is a bug. */
const MAX_STEPS = 8;

/** Brings a state to where it should be at `nowMs`. Answers the same object when nothing was to do. */
export async function settleCertificates(
  state: CertificateState | undefined,
  dnsNames: readonly string[],
  nowMs: number,
  times: CertificateTimes = CERTIFICATE_TIMES,
): Promise<CertificateState> {
  let current = state;
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    const action = planCertificates(current && (await viewOf(current)), dnsNames, nowMs, times);
    if (action === undefined && current !== undefined) return current;
    current = await act(action ?? 'create-authority', current, dnsNames, nowMs, times);
  }
  throw new Error('the certificates do not settle');
}

async function viewOf(state: CertificateState): Promise<CertificateView> {
  return {
    state,
    authority: readCertificate(state.authority.certificate),
    serving: readCertificate(state.serving.certificate),
    previous: state.previous === undefined ? undefined : readCertificate(state.previous),
    isServingSigned: await isSignedBy(state.serving.certificate, state.authority.certificate),
  };
}

async function act(
  action: CertificateAction,
  state: CertificateState | undefined,
  dnsNames: readonly string[],
  nowMs: number,
  times: CertificateTimes,
): Promise<CertificateState> {
  const newAuthority = async () => await createAuthority(nowMs, times.authorityMs, 'edict');
  if (state === undefined || action === 'create-authority') {
    const authority = await newAuthority();
    return { authority, serving: await issueServing(authority, dnsNames, nowMs, times.servingMs) };
  }
  switch (action) {
    case 'announce-next-authority':
      return { ...state, next: { ...(await newAuthority()), sinceMs: nowMs } };
    case 'promote-next-authority': {
      const { next, authority } = state;
      if (next === undefined) return state;
      const promoted = { certificate: next.certificate, privateKey: next.privateKey };
      const serving = await issueServing(promoted, dnsNames, nowMs, times.servingMs);
      return { authority: promoted, serving, previous: authority.certificate };
    }
    case 'drop-previous-authority': {
      const { previous: _dropped, ...rest } = state;
      return rest;
    }
    case 'issue-serving':
      return { ...state, serving: await issueServing(state.authority, dnsNames, nowMs, times.servingMs) };
  }
}
