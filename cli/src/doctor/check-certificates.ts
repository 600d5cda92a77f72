import type { X509Certificate } from 'node:crypto';
import { certificateIn, dnsNamesOf, authoritiesIn } from './certificates.ts';
import { newestWrite, timeOf } from './check-operator.ts';
import { notChecked, type Finding } from './finding.ts';
import type { Installation } from './installation.ts';

/** Below this share of its life the operator has renewed a certificate, if it looks after it. */
const EXPIRING_AT_REMAINING = 1 / 6;
/** Certificates count from five minutes before they are made, and tokens forgive about as much. */
export const MAX_CLOCK_DIFFERENCE_MS = 120_000;

/** Whether certificates are there, valid by the clock of the API server, for the right names, and trusted by PDPs. */
export function checkCertificates(installation: Installation): readonly Finding[] {
  return [...checkSecret(installation), ...checkTrust(installation)];
}

function checkSecret({ certificates, names, namespace, clocks, deployment }: Installation): readonly Finding[] {
  if (deployment.state === 'Absent') return [];
  const where = `Secret ${namespace}/${names.certificateSecret}`;
  const restart = `kubectl -n ${namespace} rollout restart deployment/${names.deployment}`;
  if (certificates.state === 'Unseen') return [notChecked(where, certificates.why)];
  const missing = (message: string): readonly Finding[] => [
    { severity: 'Error', code: 'CertificateMissing', where, message, remedy: `the operator makes it: ${restart}` },
  ];
  if (certificates.state === 'Absent') return missing('it is not there');
  const data = certificates.value;
  const [authority, serving] = [certificateIn(data['ca.crt']), certificateIn(data['tls.crt'])];
  if (authority === undefined || serving === undefined) return missing('it holds no certificate in ca.crt or tls.crt');
  const now = clocks.apiserverMs ?? clocks.localMs;
  const [of, remedy] = [
    [
      ['the authority (ca.crt)', authority],
      ['the serving certificate (tls.crt)', serving],
    ] as const,
    `the operator renews it by itself; ${restart}, and see the clocks of the nodes`,
  ];
  const needed = [`${names.webhookService}.${namespace}.svc`, `${names.distributionService}.${namespace}.svc`];
  const lacking = needed.filter((name) => !dnsNamesOf(serving).includes(name));
  return [
    ...of.flatMap(([what, certificate]) => checkValidity(where, what, certificate, now, remedy)),
    ...(lacking.length === 0
      ? []
      : [
          {
            severity: 'Error',
            code: 'CertificateNames',
            where,
            message: `the serving certificate is not for ${lacking.join(', ')}`,
            remedy: restart,
          } as const,
        ]),
  ];
}

function checkValidity(
  where: string,
  what: string,
  { validFromDate, validToDate }: X509Certificate,
  now: number,
  remedy: string,
): readonly Finding[] {
  const [from, to] = [validFromDate.getTime(), validToDate.getTime()];
  const invalid = (message: string): readonly Finding[] => [
    { severity: 'Error', code: 'CertificateInvalid', where, message, remedy },
  ];
  if (now > to) return invalid(`${what} has expired at ${validToDate.toISOString()}`);
  if (now < from)
    return invalid(`${what} is not valid before ${validFromDate.toISOString()}: a clock was ahead when it was made`);
  if (to - now > (to - from) * EXPIRING_AT_REMAINING) return [];
  return [
    {
      severity: 'Warning',
      code: 'CertificateExpiring',
      where,
      message: `${what} expires at ${validToDate.toISOString()}`,
      remedy,
    },
  ];
}

/** Whether PDPs trust the authority that signs what the operator serves. */
function checkTrust({ trust, fleets, certificates, names, namespace, deployment }: Installation): readonly Finding[] {
  if (deployment.state === 'Absent' || fleets.state !== 'Found') return [];
  if (trust.state === 'Unseen') return [notChecked(`ConfigMaps ${names.trustConfigMap}`, trust.why)];
  const published = trust.state === 'Found' ? trust.value : new Map<string, Readonly<Record<string, string>>>();
  const authority = certificates.state === 'Found' ? certificateIn(certificates.value['ca.crt']) : undefined;
  const remedy = `the leader writes it within a minute; see kubectl -n ${namespace} logs deployment/${names.deployment}`;
  return [...new Set(fleets.value.map(({ metadata }) => metadata.namespace ?? ''))]
    .sort()
    .flatMap((at): readonly Finding[] => {
      const where = `ConfigMap ${at}/${names.trustConfigMap}`;
      const data = published.get(at);
      if (data === undefined) {
        return [
          {
            severity: 'Error',
            code: 'TrustMissing',
            where,
            message: 'it is not there: pods of its PDPs do not start',
            remedy,
          },
        ];
      }
      if (authority === undefined) return [];
      const isTrusted = authoritiesIn(data['ca.crt'] ?? '').some(
        ({ fingerprint256 }) => fingerprint256 === authority.fingerprint256,
      );
      if (isTrusted) return [];
      const message = 'it lacks the authority of the operator: PDPs refuse to speak to it';
      return [{ severity: 'Error', code: 'TrustOutdated', where, message, remedy }];
    });
}

/** Whether the clocks of this machine, the API server and the operator agree. */
export function checkClocks({ clocks, lease, names, namespace }: Installation): readonly Finding[] {
  const { localMs, apiserverMs } = clocks;
  if (apiserverMs === undefined) return [notChecked('the clock of the API server', 'its answer has no date')];
  const findings: Finding[] = [];
  const differs = (where: string, message: string): void => {
    findings.push({
      severity: 'Error',
      code: 'ClockDiffers',
      where,
      message,
      remedy: 'set the clocks by NTP (chronyc tracking, timedatectl)',
    });
  };
  if (Math.abs(localMs - apiserverMs) > MAX_CLOCK_DIFFERENCE_MS) {
    differs(
      'this machine',
      `its clock is ${difference(localMs - apiserverMs)} the API server's: your own tokens may be refused, and nothing else`,
    );
  }
  if (lease.state === 'Found') {
    const { holderIdentity = '', renewTime } = lease.value.spec ?? {};
    const [theirs, written] = [timeOf(renewTime), newestWrite(lease.value.metadata.managedFields)];
    // Both are of one write: the holder's clock and the API server's.
    if (theirs !== undefined && written !== undefined && Math.abs(theirs - written) > MAX_CLOCK_DIFFERENCE_MS) {
      differs(
        `Pod ${namespace}/${holderIdentity === '' ? names.deployment : holderIdentity}`,
        `the clock of its node is ${difference(theirs - written)} the API server's: certificates that it makes are not valid, and those that it is shown seem not to be`,
      );
    }
  }
  return findings;
}

function difference(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  const text = seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
  return `${text} ${ms > 0 ? 'ahead of' : 'behind'}`;
}
