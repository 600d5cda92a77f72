import { VERSION } from '../version.ts';
import { notChecked, type Finding } from './finding.ts';
import type { Installation, StoredPod } from './installation.ts';
import { rightText } from './rights.ts';

/** How old a renewal may be, in durations of the Lease, before nobody seems to lead. */
const STALE_AFTER_LEASES = 3;

/** Whether the operator is there, runs, leads and may do what it has to. */
export function checkOperator(installation: Installation): readonly Finding[] {
  return [
    ...checkDeployment(installation),
    ...checkLease(installation),
    ...checkRights(installation),
    ...checkSigningKey(installation),
  ];
}

function checkDeployment({ deployment, namespace, elsewhere, pods }: Installation): readonly Finding[] {
  if (deployment.state === 'Unseen') return [notChecked(`Deployment of the operator in ${namespace}`, deployment.why)];
  if (deployment.state === 'Absent') {
    const others = elsewhere.filter((other) => other !== namespace);
    return [
      {
        severity: 'Error',
        code: 'OperatorMissing',
        where: `Namespace ${namespace}`,
        message:
          others.length === 0
            ? 'no operator is installed: PDPs serve what they have, and nothing is rolled out'
            : `no operator is installed here; there is one in ${others.join(', ')}`,
        remedy:
          others.length === 0
            ? `helm install edict ./helm --namespace ${namespace} --create-namespace`
            : `--operator-namespace ${others[0] ?? ''}`,
      },
    ];
  }
  const { metadata, spec, status = {} } = deployment.value;
  const where = `Deployment ${namespace}/${metadata.name}`;
  const wanted = spec.replicas ?? 1;
  const ready = status.readyReplicas ?? 0;
  const found = pods.state === 'Found' ? pods.value : [];
  const findings: Finding[] = pods.state === 'Unseen' ? [notChecked(`Pods of ${where}`, pods.why)] : [];
  if (ready < wanted || wanted === 0) {
    const causes = found.map(troubleOf).filter((cause) => cause !== undefined);
    findings.push({
      severity: ready === 0 ? 'Error' : 'Warning',
      code: 'OperatorNotReady',
      where,
      message: [`${ready} of ${wanted} replicas are ready`, ...new Set(causes)].join('; '),
      remedy:
        wanted === 0
          ? `kubectl -n ${namespace} scale deployment/${metadata.name} --replicas=2`
          : `kubectl -n ${namespace} describe pods and kubectl -n ${namespace} logs deployment/${metadata.name} say why`,
    });
  }
  const image = spec.template.spec.containers[0]?.image;
  const images = new Set(found.map((pod) => pod.spec.containers[0]?.image));
  if (images.size > 1 || (images.size === 1 && !images.has(image))) {
    findings.push({
      severity: 'Warning',
      code: 'OperatorImages',
      where,
      message: `replicas run ${[...images].join(' and ')}, the Deployment says ${image ?? 'nothing'}`,
      remedy: `an upgrade is under way or stuck: kubectl -n ${namespace} rollout status deployment/${metadata.name}`,
    });
  }
  const version = metadata.labels?.['app.kubernetes.io/version'];
  if (version !== undefined && version !== VERSION) {
    findings.push({
      severity: 'Warning',
      code: 'OperatorVersion',
      where,
      message: `the operator is ${version}, this command ${VERSION}`,
      remedy: 'use the command of the version that is installed; what follows is judged by the version of this one',
    });
  }
  return findings;
}

/** Why a pod does not run, if it does not. */
function troubleOf({ metadata, status }: StoredPod): string | undefined {
  const waiting = status?.containerStatuses?.map(({ state }) => state?.waiting).find((state) => state !== undefined);
  if (waiting !== undefined) return `${metadata.name}: ${waiting.reason ?? ''} ${waiting.message ?? ''}`.trim();
  const unscheduled = status?.conditions?.find(
    ({ type, status: value }) => type === 'PodScheduled' && value === 'False',
  );
  return unscheduled === undefined ? undefined : `${metadata.name}: ${unscheduled.message ?? 'not scheduled'}`;
}

function checkLease({ lease, names, namespace, clocks, pods, deployment }: Installation): readonly Finding[] {
  // Without an operator nobody is expected to lead.
  if (deployment.state === 'Absent') return [];
  const where = `Lease ${namespace}/${names.lease}`;
  if (lease.state === 'Unseen') return [notChecked(where, lease.why)];
  const remedy = `kubectl -n ${namespace} logs deployment/${names.deployment} says why no replica takes it; PDPs serve on meanwhile`;
  const missing = (message: string): readonly Finding[] => [
    { severity: 'Error', code: 'LeaderMissing', where, message, remedy },
  ];
  if (lease.state === 'Absent')
    return missing('there is no Lease: no replica has ever led, or somebody deleted it just now');
  const { holderIdentity = '', leaseDurationSeconds = 9, renewTime } = lease.value.spec ?? {};
  if (holderIdentity === '') return missing('nobody holds it');
  // When the API server last saw a write, by its own clock: whose clock the holder has does not matter.
  const written = newestWrite(lease.value.metadata.managedFields) ?? timeOf(renewTime);
  const now = clocks.apiserverMs ?? clocks.localMs;
  if (written !== undefined && now - written > STALE_AFTER_LEASES * leaseDurationSeconds * 1000) {
    return [
      {
        severity: 'Error',
        code: 'LeaderStale',
        where,
        message: `${holderIdentity} holds it and has not renewed it for ${Math.round((now - written) / 1000)} s`,
        remedy,
      },
    ];
  }
  const isThere = pods.state !== 'Found' || pods.value.some(({ metadata }) => metadata.name === holderIdentity);
  return isThere ? [] : missing(`${holderIdentity} holds it, and there is no such pod (any more)`);
}

/** Milliseconds since the epoch of the newest write that the API server noted; undefined for none. */
export function newestWrite(fields: readonly { readonly time?: string }[] | undefined): number | undefined {
  const times = (fields ?? []).map(({ time }) => timeOf(time)).filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Milliseconds since the epoch of an RFC 3339 time; undefined for none. */
export function timeOf(text: string | undefined): number | undefined {
  const parsed = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(parsed) ? undefined : parsed;
}

function checkRights({ rights, names, namespace, deployment }: Installation): readonly Finding[] {
  if (deployment.state === 'Absent') return [];
  const where = `ServiceAccount ${namespace}/${names.serviceAccount}`;
  if (rights.state === 'Unseen') return [notChecked(`rights of ${where}`, rights.why)];
  const lacking = rights.state === 'Found' ? rights.value.filter(({ allowed }) => !allowed) : [];
  if (lacking.length === 0) return [];
  return [
    {
      severity: 'Error',
      code: 'RightMissing',
      where,
      message: `the operator may not: ${lacking.map(rightText).join('; ')}`,
      remedy: 'upgrade the release with rbac.create=true, or give the account what helm/templates/rbac.yaml lists',
    },
  ];
}

function checkSigningKey({ signingKey, names, namespace, deployment }: Installation): readonly Finding[] {
  if (deployment.state === 'Absent') return [];
  const where = `Secret ${namespace}/${names.signingKeySecret}`;
  if (signingKey.state === 'Unseen') return [notChecked(where, signingKey.why)];
  const remedy = `restore it from a backup: PDPs trust that key. Without one, kubectl -n ${namespace} rollout restart deployment/${names.deployment} makes a new key, and PDPs have to be restarted after it`;
  const bad = (message: string): readonly Finding[] => [
    { severity: 'Error', code: 'SigningKeyMissing', where, message, remedy },
  ];
  if (signingKey.state === 'Absent') return bad('it is not there: the next operator that starts signs with a new key');
  const lacking = ['private.pem', 'public.pem'].filter((key) => (signingKey.value[key] ?? '') === '');
  return lacking.length === 0 ? [] : bad(`it has no ${lacking.join(' and no ')}: the operator does not start`);
}
