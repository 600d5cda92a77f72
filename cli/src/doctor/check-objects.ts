import {
  findCondition,
  type Condition,
  type PolicyDecisionPoint,
  type PolicyDomain,
  type PolicySet,
} from '@edict/crds';
import { timeOf } from './check-operator.ts';
import { notChecked, type Finding } from './finding.ts';
import type { Installation } from './installation.ts';

/** An object may be unobserved, or on its way out, for so long. */
const PATIENCE_MS = 60_000;
/** Label by which a namespace has PDPs put beside its pods. */
const INJECT_LABEL = 'edict.dev/inject';

type AnyObject = PolicyDomain | PolicySet | PolicyDecisionPoint;

/** What the statuses of domains, sets and fleets say is wrong, and what they fail to say. */
export function checkObjects(installation: Installation): readonly Finding[] {
  const { domains, sets, fleets, clocks } = installation;
  const now = clocks.apiserverMs ?? clocks.localMs;
  const unseen = Object.entries({ PolicyDomains: domains, PolicySets: sets, PolicyDecisionPoints: fleets }).flatMap(
    ([what, seen]) => (seen.state === 'Unseen' ? [notChecked(what, seen.why)] : []),
  );
  const all: readonly AnyObject[] = [domains, sets, fleets].flatMap((seen): readonly AnyObject[] =>
    seen.state === 'Found' ? seen.value : [],
  );
  return [
    ...unseen,
    ...all.flatMap((object) => checkLife(object, now, installation)),
    ...all.filter(({ metadata }) => metadata.deletionTimestamp === undefined).flatMap(checkConditions),
    ...checkInjection(installation),
  ];
}

function whereOf({ kind, metadata }: AnyObject): string {
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}

/** Objects that nobody looks after. */
function checkLife(object: AnyObject, now: number, { namespace, names, deployment }: Installation): readonly Finding[] {
  const { metadata, status } = object;
  const where = whereOf(object);
  const deletedAt = timeOf(metadata.deletionTimestamp);
  if (deletedAt !== undefined) {
    if (now - deletedAt < PATIENCE_MS) return [];
    const kind = object.kind.toLowerCase();
    return [
      {
        severity: 'Error',
        code: 'DeletionStuck',
        where,
        message: `it is being deleted since ${metadata.deletionTimestamp ?? ''} and waits for ${(metadata.finalizers ?? []).join(', ')}`,
        remedy:
          deployment.state === 'Absent'
            ? `only an operator withdraws policy; without one: kubectl -n ${metadata.namespace ?? ''} patch ${kind} ${metadata.name} --type=merge -p '{"metadata":{"finalizers":null}}'`
            : `see kubectl -n ${namespace} logs deployment/${names.deployment}`,
      },
    ];
  }
  if (deployment.state === 'Absent') return [];
  const generation = metadata.generation ?? 0;
  const observed = status?.observedGeneration ?? 0;
  // Nobody says when the generation was written; the newest of what is known has to be old enough.
  const times = [metadata.creationTimestamp, ...(status?.conditions ?? []).map((one) => one.lastTransitionTime)];
  const newest = Math.max(0, ...times.map((time) => timeOf(time) ?? 0));
  if (observed >= generation || now - newest < PATIENCE_MS) return [];
  return [
    {
      severity: 'Error',
      code: 'NotObserved',
      where,
      message: `its generation is ${generation}, and its status speaks of ${observed}`,
      remedy: `the leader does not reach it: see kubectl -n ${namespace} logs deployment/${names.deployment}`,
    },
  ];
}

function checkConditions(object: AnyObject): readonly Finding[] {
  const where = whereOf(object);
  const { namespace = '', name } = object.metadata;
  const conditions = object.status?.conditions;
  const [ready, accepted, stalled] = (['Ready', 'Accepted', 'Stalled'] as const).map((type) =>
    findCondition(conditions, type),
  );
  if (object.kind === 'PolicyDomain') {
    if (ready?.reason === 'NoSet') {
      return [
        found(
          'Error',
          'DomainWithoutSet',
          where,
          ready,
          `kubectl -n ${namespace} get policysets --show-labels: none selects its labels`,
        ),
      ];
    }
    return accepted?.status === 'False'
      ? [found('Error', 'DomainRefused', where, accepted, 'mend what the message names, and apply it again')]
      : [];
  }
  if (object.kind === 'PolicySet') {
    if (ready?.reason === 'NoPDP') {
      return [
        found(
          'Error',
          'SetWithoutPdps',
          where,
          ready,
          `make a PolicyDecisionPoint in ${namespace}, or see spec.pdps.selector: kubectl -n ${namespace} get pods --show-labels`,
        ),
      ];
    }
    return stalled?.status === 'True'
      ? [
          found(
            'Error',
            'SetStalled',
            where,
            stalled,
            `kubectl edict rollout status ${name} -n ${namespace} says who refused what`,
          ),
        ]
      : [];
  }
  if (ready === undefined || ready.status === 'True') return [];
  return [
    found(
      'Error',
      'FleetNotReady',
      where,
      ready,
      `kubectl -n ${namespace} get pods -l edict.dev/pdp=${name}; kubectl edict pdps -n ${namespace}`,
    ),
  ];
}

function found(
  severity: Finding['severity'],
  code: Finding['code'],
  where: string,
  { reason, message }: Condition,
  remedy: string,
): Finding {
  return { severity, code, where, message: `${reason}: ${message}`, remedy };
}

function checkInjection({ namespaces, fleets }: Installation): readonly Finding[] {
  if (namespaces.state === 'Unseen') return [notChecked('Namespaces', namespaces.why)];
  if (namespaces.state === 'Absent' || fleets.state !== 'Found') return [];
  const served = new Set(
    fleets.value.filter(({ spec }) => (spec.form as string) === 'Sidecar').map(({ metadata }) => metadata.namespace),
  );
  return namespaces.value
    .filter(({ metadata }) => metadata.labels?.[INJECT_LABEL] === 'enabled' && !served.has(metadata.name))
    .map(({ metadata: { name } }) => ({
      severity: 'Error',
      code: 'InjectionWithoutFleet',
      where: `Namespace ${name}`,
      message: `it has the label ${INJECT_LABEL}=enabled and no PolicyDecisionPoint of form Sidecar: its pods are refused`,
      remedy: `make one, or kubectl label namespace ${name} ${INJECT_LABEL}-`,
    }));
}
