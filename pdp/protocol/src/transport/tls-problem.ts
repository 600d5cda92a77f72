/** What is wrong with the certificate of an operator, as its PDPs see it. */
export type TlsProblem = 'CertificateExpired' | 'CertificateNotYetValid' | 'UntrustedAuthority' | 'WrongName';

const PROBLEMS: ReadonlyMap<string, TlsProblem> = new Map([
  ['CERT_HAS_EXPIRED', 'CertificateExpired'],
  ['CERT_NOT_YET_VALID', 'CertificateNotYetValid'],
  ['UNABLE_TO_GET_ISSUER_CERT', 'UntrustedAuthority'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UntrustedAuthority'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UntrustedAuthority'],
  ['CERT_SIGNATURE_FAILURE', 'UntrustedAuthority'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'UntrustedAuthority'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UntrustedAuthority'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'WrongName'],
]);

const ADVICE: Readonly<Record<TlsProblem, string>> = {
  CertificateExpired:
    "compare this node's clock with that of others; if it is right, see the operator's log, which renews its certificate by itself",
  CertificateNotYetValid: "this node's clock is behind that of the operator: set it, or its time service, right",
  UntrustedAuthority:
    'the file of authorities here is older than the certificate, or of another operator: see the ConfigMap that it is mounted from',
  WrongName: 'the address that is dialled is not the name of the Service of this operator',
};

/** What an error of a connection says about the peer's certificate; undefined for one that is about something else. */
export function tlsProblemOf(code: string | undefined): TlsProblem | undefined {
  return code === undefined ? undefined : PROBLEMS.get(code);
}

/** The reason of a connection that failed, with what to do where the certificate is what it failed for. */
export function explainTlsProblem(message: string, problem: TlsProblem | undefined): string {
  return problem === undefined ? message : `${problem}: ${message}; ${ADVICE[problem]}`;
}
