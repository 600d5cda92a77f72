import { API_GROUP, KINDS, toCrd } from '@edict/crds';
import { notChecked, type Finding, type Seen } from './finding.ts';
import type { SchemaNode, StoredCrd } from './installation.ts';

const APPLY = 'kubectl apply --server-side -f helm/crds';
/** How many members of a difference are named. */
const NAMED = 5;

/** Whether the kinds are there, ours, served, and of this version. */
export function checkCrds(seen: Seen<readonly StoredCrd[]>): readonly Finding[] {
  if (seen.state === 'Unseen') return [notChecked('CustomResourceDefinitions', seen.why)];
  const stored = new Map((seen.state === 'Found' ? seen.value : []).map((crd) => [crd.metadata.name, crd]));
  return KINDS.flatMap((definition) => {
    const wanted = toCrd(definition) as unknown as StoredCrd;
    return checkCrd(wanted, stored.get(wanted.metadata.name));
  });
}

function checkCrd(wanted: StoredCrd, crd: StoredCrd | undefined): readonly Finding[] {
  const { name } = wanted.metadata;
  const where = `CustomResourceDefinition ${name}`;
  if (crd === undefined) {
    return [{ severity: 'Error', code: 'CrdMissing', where, message: 'it is not installed', remedy: APPLY }];
  }
  const [ours] = wanted.spec.versions;
  const theirs = crd.spec.versions.find((version) => version.name === ours?.name);
  const { group, scope, names } = crd.spec;
  if (
    group !== API_GROUP ||
    scope !== wanted.spec.scope ||
    names.kind !== wanted.spec.names.kind ||
    theirs === undefined
  ) {
    const versions = crd.spec.versions.map((version) => version.name).join(', ');
    return [
      {
        severity: 'Error',
        code: 'CrdForeign',
        where,
        message: `it is ${names.kind} (${scope}, ${versions}), not our ${wanted.spec.names.kind} (${wanted.spec.scope}, ${ours?.name ?? ''}): somebody else made it`,
        remedy: `find out who needs it (kubectl get crd ${name} -o yaml); only one can have the name. ${APPLY} takes it over`,
      },
    ];
  }
  return [
    ...checkServed(where, crd, theirs.served),
    ...checkMembers(where, ours?.schema?.openAPIV3Schema, theirs.schema?.openAPIV3Schema),
  ];
}

function checkServed(where: string, crd: StoredCrd, isServed: boolean): readonly Finding[] {
  const bad = (crd.status?.conditions ?? []).find(
    ({ type, status }) =>
      ((type === 'Established' || type === 'NamesAccepted') && status !== 'True') ||
      ((type === 'Terminating' || type === 'NonStructuralSchema') && status === 'True'),
  );
  const isEstablished =
    crd.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') === true;
  if (bad === undefined && isServed && isEstablished) return [];
  const message = bad === undefined ? 'the API server does not serve it' : `${bad.type}: ${bad.message ?? bad.status}`;
  const remedy = `kubectl describe ${where.replace('CustomResourceDefinition', 'crd')} says which name another CRD has, or what is being deleted`;
  return [{ severity: 'Error', code: 'CrdNotEstablished', where, message, remedy }];
}

function checkMembers(
  where: string,
  wanted: SchemaNode | undefined,
  stored: SchemaNode | undefined,
): readonly Finding[] {
  const [here, there] = [membersOf(wanted, ''), membersOf(stored, '')];
  const missing = [...here].filter((member) => !there.has(member));
  const further = [...there].filter((member) => !here.has(member));
  const named = (all: readonly string[]): string =>
    `${all.slice(0, NAMED).join(', ')}${all.length > NAMED ? ` and ${all.length - NAMED} more` : ''}`;
  if (missing.length > 0) {
    return [
      {
        severity: 'Error',
        code: 'CrdOutdated',
        where,
        message: `it is older than this command and lacks ${named(missing)}: what you write there is dropped`,
        remedy: `${APPLY} (Helm does not upgrade CRDs)`,
      },
    ];
  }
  if (further.length === 0) return [];
  return [
    {
      severity: 'Warning',
      code: 'CrdNewer',
      where,
      message: `it is newer than this command and has ${named(further)}`,
      remedy: 'use the command of the version that is installed',
    },
  ];
}

/** Paths of all members: `.spec.policies[].rego`. */
function membersOf(schema: SchemaNode | undefined, at: string): ReadonlySet<string> {
  if (schema === undefined) return new Set();
  const { properties = {}, items, additionalProperties } = schema;
  const values = typeof additionalProperties === 'object' ? additionalProperties : undefined;
  return new Set([
    ...Object.entries(properties).flatMap(([name, child]) => [`${at}.${name}`, ...membersOf(child, `${at}.${name}`)]),
    ...membersOf(items, `${at}[]`),
    ...membersOf(values, `${at}{}`),
  ]);
}
