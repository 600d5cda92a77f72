import { failure } from './evaluation.ts';
import { askOperationPolicy, operationFailure } from './override.ts';
import type { AccessReference, Phase, PolicyIdentity } from './access-record.ts';
import type { Evaluation, Finding } from './evaluation.ts';
import type { OperationFinding } from './override.ts';
import type { Identity, Resource } from './realise.ts';
import type { LoadedEntity, Snapshot } from './snapshot.ts';

/** The scope that stands for unrestricted API access: it grants without a policy, whether or not it is defined. */
export const apiScope = 'mrn:iam:scope:api';

/** Collects what a decision consults. In probe mode nobody wants references, and granting phases end early. */
export class Trail {
  readonly references: AccessReference[] = [];
  readonly recording: boolean;
  readonly #nowNs: () => number;
  #lastNs: number;

  constructor(recording: boolean, nowNs: () => number, startNs: number) {
    this.recording = recording;
    this.#nowNs = nowNs;
    this.#lastNs = startNs;
  }

  /** Notes what was found for one entity; a policy's time is that since the note before. */
  note(phase: Phase, id: string, policy: PolicyIdentity | undefined, finding: Finding): void {
    if (!this.recording) return;
    const before = this.#lastNs;
    const durationNs = policy === undefined ? 0 : this.lap() - before;
    const { granted, reasonCode, reason } = finding;
    this.references.push({ phase, id, policy, decision: granted ? 'GRANT' : 'DENY', reasonCode, reason, durationNs });
  }

  /** The time now, from which the next policy's time counts. */
  lap(): number {
    if (this.recording) this.#lastNs = this.#nowNs();
    return this.#lastNs;
  }
}

const operationNotFound = failure('NOTFOUND_ERROR', 'operation not found');
const roleNotFound = failure('NOTFOUND_ERROR', 'role not found');
const groupNotFound = failure('NOTFOUND_ERROR', 'group not found');
const scopeNotFound = failure('NOTFOUND_ERROR', 'scope not found');
const resourceGroupNotFound = failure('NOTFOUND_ERROR', 'resource group not found');
const policyNotFound = failure('UNKNOWN_ERROR', 'policy not found');

/** What a resource that resolves to nothing is recorded as. */
export const resourceNotFound = failure('NOTFOUND_ERROR', 'no matching resource and no default resource group found');

/** Phase 1: the operation's policy. */
export function operationPhase(
  snapshot: Snapshot,
  evaluation: Evaluation,
  operation: string,
  trail: Trail,
): OperationFinding {
  const match = snapshot.operationFor(operation);
  let finding: OperationFinding;
  if (match === undefined) finding = operationFailure(operationNotFound);
  else if (match.policy === undefined) finding = operationFailure(failure('UNKNOWN_ERROR', match.problem));
  else finding = askOperationPolicy(evaluation, match.policy);
  trail.note('SYSTEM', operation, match?.policy?.identity, finding);
  return finding;
}

/** Phase 2: grants if any role grants. Unknown groups and failing roles deny nothing. */
export function identityPhase(identity: Identity, evaluation: Evaluation, trail: Trail): boolean {
  for (const id of identity.unknownGroups) trail.note('IDENTITY', id, undefined, groupNotFound);
  let granted = false;
  for (const { id, role } of identity.roles) {
    granted = askEntity('IDENTITY', id, role, roleNotFound, evaluation, trail) || granted;
    if (granted && !trail.recording) return true;
  }
  return granted;
}

/** Phase 3: the resource's group decides. Only for resources that resolved. */
export function resourcePhase(resource: Resource, evaluation: Evaluation, trail: Trail): boolean {
  return askEntity('RESOURCE', resource.groupId, resource.group, resourceGroupNotFound, evaluation, trail);
}

/** Phase 4: grants without scopes or with the API scope, else if any scope grants. */
export function scopePhase(
  snapshot: Snapshot,
  scopes: readonly string[],
  evaluation: Evaluation,
  trail: Trail,
): boolean {
  if (scopes.length === 0 || scopes.includes(apiScope)) return true;
  let granted = false;
  for (const id of scopes) {
    granted = askEntity('SCOPE', id, snapshot.scopes.get(id), scopeNotFound, evaluation, trail) || granted;
    if (granted && !trail.recording) return true;
  }
  return granted;
}

function askEntity(
  phase: Phase,
  id: string,
  entity: LoadedEntity | undefined,
  notFound: Finding,
  evaluation: Evaluation,
  trail: Trail,
): boolean {
  const policy = entity?.policy;
  const finding =
    policy === undefined ? (entity === undefined ? notFound : policyNotFound) : evaluation.findingOf(policy);
  trail.note(phase, id, policy?.identity, finding);
  return finding.granted;
}
