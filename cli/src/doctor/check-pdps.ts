import type { PdpListing } from '@edict/protocol';
import { notChecked, type Finding } from './finding.ts';
import type { Installation } from './installation.ts';

/** How many PDPs of one kind are named. */
const NAMED = 5;

/** Whether PDPs are connected, and of one version. The leader knows; it tells through the API server's proxy. */
export function checkPdps({ pdps, deployment, lease }: Installation): readonly Finding[] {
  // Without a leader nobody knows, and that has been said.
  if (deployment.state === 'Absent' || lease.state !== 'Found') return [];
  if (pdps.state === 'Unseen') return [notChecked('PDPs that the leader knows', pdps.why)];
  const all = pdps.state === 'Found' ? pdps.value : [];
  const gone = all.filter(({ connected }) => !connected);
  const findings: Finding[] = [];
  if (gone.length > 0) {
    findings.push({
      severity: 'Warning',
      code: 'PdpDisconnected',
      where: named(gone),
      message: `${gone.length} of ${all.length} PDPs are not connected`,
      remedy:
        'kubectl edict why <pod> says since when; see the pod, and what lies between it and port 9444 of the operator',
    });
  }
  const connected = all.filter((pdp) => pdp.connected);
  const versions = Map.groupBy(connected, ({ engineVersion }) => engineVersion);
  if (versions.size > 1) {
    const text = [...versions].map(([version, of]) => `${of.length} of ${version}`).join(', ');
    const [, ...fewer] = [...versions.values()].sort((a, b) => b.length - a.length);
    findings.push({
      severity: 'Warning',
      code: 'PdpVersion',
      where: named(fewer.flat()),
      message: `PDPs are of ${versions.size} versions: ${text}`,
      remedy: 'an upgrade is under way, or spec.image of a PolicyDecisionPoint holds some back',
    });
  }
  return findings;
}

function named(pdps: readonly PdpListing[]): string {
  const names = pdps.slice(0, NAMED).map(({ pod }) => pod);
  return `Pod ${names.join(', ')}${pdps.length > NAMED ? ` and ${pdps.length - NAMED} more` : ''}`;
}
