/** How bad a finding is. `NotChecked`: nobody knows, for want of rights or of an answer. */
export type Severity = 'Error' | 'Warning' | 'NotChecked';

/** Everything that the doctor can find, and what it means. Stable: scripts may match on the names. */
export const FINDING_CODES = {
  NotChecked: 'It could not be looked at: your rights do not suffice, or nobody answered.',
  CrdMissing: 'A kind of edict.dev is not installed.',
  CrdNotEstablished: 'The API server does not serve a kind, for instance for a conflict of names.',
  CrdForeign: 'A CRD has the name of one of ours and is not it.',
  CrdOutdated:
    'A CRD lacks members that this version has: the API server drops them from what you apply, without a word.',
  CrdNewer: 'A CRD has members that this command does not know.',
  OperatorMissing: 'There is no operator in the namespace.',
  OperatorNotReady: 'Replicas of the operator are not ready.',
  OperatorImages: 'Replicas of the operator run different images, or others than their Deployment says.',
  OperatorVersion: 'The operator is of another version than this command.',
  LeaderMissing: 'No replica leads: nothing is rolled out.',
  LeaderStale: 'The Lease says who leads, and has not been renewed.',
  WebhookMissing: 'There is no webhook configuration: nothing is checked before it is stored.',
  WebhookTrust: 'The API server trusts another authority than that of the certificate that the webhook serves.',
  WebhookUnreachable: 'No replica stands behind the Service of the webhook.',
  WebhookFails: 'The API server called the webhook, and that failed.',
  WebhookNotAsked: 'The API server stored a policy that the webhook should have refused.',
  WebhookIgnored: 'What cannot be checked is stored: failurePolicy is Ignore.',
  CertificateMissing: 'The Secret of the certificates is missing, or holds none.',
  CertificateInvalid: 'A certificate has expired, or is not valid yet.',
  CertificateExpiring: 'A certificate expires soon: the operator should have renewed it long ago.',
  CertificateNames: 'The serving certificate does not have a name by which the operator is reached.',
  ClockDiffers: 'Clocks are minutes apart: tokens and certificates are refused.',
  SigningKeyMissing: 'The Secret of the key that signs revisions is missing, or holds none.',
  RightMissing: 'The service account of the operator lacks a right.',
  TrustMissing: 'A namespace with PDPs lacks the ConfigMap that they trust the operator by.',
  TrustOutdated: 'PDPs of a namespace do not trust the authority of the operator.',
  SetWithoutPdps: 'No PDP serves a set.',
  SetStalled: 'A set has stopped and needs you.',
  DomainWithoutSet: 'No set carries a domain: nobody serves it.',
  DomainRefused: 'A domain is refused. What it said before serves on.',
  FleetNotReady: 'A fleet lacks ready PDPs.',
  NotObserved: 'The operator has not looked at the newest version of an object.',
  DeletionStuck: 'An object is being deleted, and nobody takes its finalizer away.',
  PdpVersion: 'PDPs are of another version than the operator.',
  PdpDisconnected: 'PDPs are not connected to the operator: they serve what they have, and miss every edit.',
  InjectionWithoutFleet: 'Pods of a namespace are to have a PDP beside them, and no PolicyDecisionPoint says which.',
} as const;
export type FindingCode = keyof typeof FINDING_CODES;

/** One thing that is wrong. */
export interface Finding {
  readonly severity: Severity;
  readonly code: FindingCode;
  /** The object, as `Kind namespace/name` or `Kind name`. */
  readonly where: string;
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** What was read of the cluster; or that it is not there; or why it could not be read. */
export type Seen<T> =
  | { readonly state: 'Found'; readonly value: T }
  | { readonly state: 'Absent' }
  | { readonly state: 'Unseen'; readonly why: string };

/** A finding that says that nobody knows. */
export function notChecked(where: string, why: string): Finding {
  const remedy = 'ask as somebody who may read it, or see what the API server says';
  return { severity: 'NotChecked', code: 'NotChecked', where, message: why, remedy };
}
