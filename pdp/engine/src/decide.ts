import { MergeLimitError, UnencodableAnnotationError } from './annotations.ts';
import { NetworkSession, withNetwork } from '@edict/rego/network';
import { Evaluation, failure } from './evaluation.ts';
import { defaultDecisionLimits } from './limits.ts';
import { identityPhase, operationPhase, resourceNotFound, resourcePhase, scopePhase, Trail } from './phases.ts';
import { isPlainObject, memberOf, stringMember } from './plain-object.ts';
import { realiseIdentity, realiseResource } from './realise.ts';
import { Timeline } from './timeline.ts';
import type { AccessRecord, PhaseDurations } from './access-record.ts';
import type { DecideContext, Decision } from './decide-context.ts';
import type { Finding, NetworkUse } from './evaluation.ts';
import type { OperationFinding } from './override.ts';
import type { PlainObject } from './plain-object.ts';
import type { Identity, Resource } from './realise.ts';
import type { Snapshot } from './snapshot.ts';
import type { NetworkAccess } from '@edict/rego/network';

/**
 * Decides one request. `porc` is plain JSON data, as `parsePorc` or `toPorc` give it; it is read, never changed, and the
 * record shares it. Synchronous. Never throws for anything that a policy or a request can cause: whatever fails denies,
 * and the record says why.
 */
export function decide(snapshot: Snapshot, porc: unknown, context: DecideContext): Decision {
  const startNs = context.clock.monotonicNs();
  try {
    const run = prepare(snapshot, porc, context, startNs, undefined);
    return 'allow' in run ? run : conclude(run, context, startNs, context.clock.monotonicNs);
  } catch (error) {
    return failClosed(context, startNs, error);
  }
}

/**
 * Decides one request with policies that may ask the network, as {@link decide} does else: for snapshots that
 * `usesNetwork`. A promise only if an answer has to be waited for. Every policy is told of the same answers. Never
 * rejects.
 */
export function decideWithNetwork(
  snapshot: Snapshot,
  porc: unknown,
  context: DecideContext,
  access: NetworkAccess,
): Decision | Promise<Decision> {
  const startNs = context.clock.monotonicNs();
  try {
    const session = new NetworkSession(access);
    const timeline = new Timeline(context.clock.monotonicNs, startNs);
    const run = prepare(snapshot, porc, context, startNs, { session, timeline });
    if ('allow' in run) return run;
    const decision = withNetwork(session, () => {
      timeline.restart();
      return conclude(run, context, startNs, timeline.nowNs);
    });
    return decision instanceof Promise
      ? decision.catch((error: unknown) => failClosed(context, startNs, error))
      : decision;
  } catch (error) {
    return failClosed(context, startNs, error);
  }
}

/** Denies without asking any policy, for `reason`, which the record gives. Never throws. */
export function denyAll(porc: unknown, context: DecideContext, reason: string): Decision {
  const header = isPlainObject(porc) ? headerOf(porc) : noHeader;
  return refuse(context, context.clock.monotonicNs(), header, failure('UNKNOWN_ERROR', reason));
}

/** Denies on what nothing foresaw, such as a value nested beyond the stack. */
function failClosed(context: DecideContext, startNs: number, error: unknown): Decision {
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : 'unexpected failure';
  return refuse(context, startNs, noHeader, failure('UNKNOWN_ERROR', reason));
}

/** The fields of a record that only tell what was asked. */
interface Header {
  readonly subject: string;
  readonly realm: string;
  readonly operation: string;
  readonly resource: string;
}

const noHeader: Header = { subject: '', realm: '', operation: '', resource: '' };

interface Conclusion {
  readonly allow: boolean;
  readonly operation: OperationFinding | undefined;
  readonly phases: PhaseDurations;
}

/** Everything but the phases; a decision if there is no need for these. */
function prepare(
  snapshot: Snapshot,
  porc: unknown,
  context: DecideContext,
  startNs: number,
  network: NetworkUse | undefined,
): Run | Decision {
  if (!isPlainObject(porc)) {
    return refuse(context, startNs, noHeader, failure('INVALPARAM_ERROR', 'PORC must be an object'));
  }
  const limits = context.limits ?? defaultDecisionLimits;
  const header = headerOf(porc);
  let identity: Identity;
  let resource: Resource;
  try {
    identity = realiseIdentity(snapshot, memberOf(porc, 'principal'), { remaining: limits.maxMergeSteps });
    resource = realiseResource(snapshot, memberOf(porc, 'resource'));
  } catch (error) {
    if (!(error instanceof MergeLimitError || error instanceof UnencodableAnnotationError)) throw error;
    return refuse(context, startNs, header, failure('INVALPARAM_ERROR', error.message));
  }
  const { principal } = identity;
  const input =
    principal === undefined ? { ...porc, resource: resource.value } : { ...porc, principal, resource: resource.value };
  return {
    snapshot,
    header,
    identity,
    resource,
    input,
    evaluation: new Evaluation(input, limits, context.clock, network),
  };
}

/** Runs the phases. */
function conclude(run: Run, context: DecideContext, startNs: number, nowNs: () => number): Decision {
  const trail = new Trail(context.probe !== true, nowNs, startNs);
  const runAll = trail.recording && context.includeAll !== false;
  const conclusion = runAll ? concludeFromAll(run, trail) : concludeEarly(run, trail);
  return answer(context, startNs, run.header, conclusion, trail, run.input);
}

interface Run {
  readonly snapshot: Snapshot;
  readonly header: Header;
  readonly identity: Identity;
  readonly resource: Resource;
  readonly input: PlainObject;
  readonly evaluation: Evaluation;
}

/** Runs every phase, decided or not, so that the record shows them all. */
function concludeFromAll({ snapshot, header, identity, resource, evaluation }: Run, trail: Trail): Conclusion {
  const t0 = trail.lap();
  const operation = operationPhase(snapshot, evaluation, header.operation, trail);
  const t1 = trail.lap();
  const identityGrants = identityPhase(identity, evaluation, trail);
  const t2 = trail.lap();
  const resourceGrants = resource.resolved && resourcePhase(resource, evaluation, trail);
  const t3 = trail.lap();
  const scopeGrants = scopePhase(snapshot, identity.scopes, evaluation, trail);
  const t4 = trail.lap();
  if (!resource.resolved && !operation.final) trail.note('RESOURCE', resource.id, undefined, resourceNotFound);
  return {
    allow: operation.final ? operation.granted : identityGrants && resourceGrants && scopeGrants,
    operation,
    phases: { system: t1 - t0, identity: t2 - t1, resource: resource.resolved ? t3 - t2 : undefined, scope: t4 - t3 },
  };
}

/** Runs only the phases that the decision needs; the first that denies ends it. */
function concludeEarly({ snapshot, header, identity, resource, evaluation }: Run, trail: Trail): Conclusion {
  const t0 = trail.lap();
  const operation = operationPhase(snapshot, evaluation, header.operation, trail);
  const t1 = trail.lap();
  const phases = { ...noDurations, system: t1 - t0 };
  if (operation.final) return { allow: operation.granted, operation, phases };
  if (!resource.resolved) {
    trail.note('RESOURCE', resource.id, undefined, resourceNotFound);
    return { allow: false, operation, phases };
  }
  let allow = identityPhase(identity, evaluation, trail);
  const t2 = trail.lap();
  if (!allow) return { allow, operation, phases: { ...phases, identity: t2 - t1 } };
  allow = resourcePhase(resource, evaluation, trail);
  const t3 = trail.lap();
  if (!allow) return { allow, operation, phases: { ...phases, identity: t2 - t1, resource: t3 - t2 } };
  allow = scopePhase(snapshot, identity.scopes, evaluation, trail);
  const scope = trail.lap() - t3;
  return { allow, operation, phases: { ...phases, identity: t2 - t1, resource: t3 - t2, scope } };
}

const noDurations: PhaseDurations = { system: undefined, identity: undefined, resource: undefined, scope: undefined };

/** Denies before any phase. */
function refuse(context: DecideContext, startNs: number, header: Header, finding: Finding): Decision {
  const trail = new Trail(context.probe !== true, context.clock.monotonicNs, startNs);
  trail.note('RESOURCE', header.resource, undefined, finding);
  const conclusion: Conclusion = { allow: false, operation: undefined, phases: noDurations };
  return answer(context, startNs, header, conclusion, trail, undefined);
}

function answer(
  context: DecideContext,
  startNs: number,
  header: Header,
  { allow, operation, phases }: Conclusion,
  trail: Trail,
  input: unknown,
): Decision {
  if (!trail.recording) return { allow, record: undefined };
  const record: AccessRecord = {
    id: context.newId(),
    timestampMs: context.clock.nowMs(),
    subject: header.subject,
    realm: header.realm,
    operation: header.operation,
    resource: header.resource,
    decision: allow ? 'GRANT' : 'DENY',
    references: trail.references,
    porc: input,
    systemOverride: operation?.override ?? false,
    grantReason: operation?.grantReason,
    denyReason: operation?.denyReason,
    durationNs: trail.lap() - startNs,
    phaseDurations: phases,
    env: context.env,
    revision: context.revision,
  };
  return { allow, record };
}

function headerOf(porc: PlainObject): Header {
  const principal = memberOf(porc, 'principal');
  const resource = memberOf(porc, 'resource');
  const known = isPlainObject(principal) ? principal : undefined;
  return {
    subject: known === undefined ? '' : stringMember(known, 'sub'),
    realm: known === undefined ? '' : stringMember(known, 'mrealm'),
    operation: stringMember(porc, 'operation'),
    resource: typeof resource === 'string' ? resource : isPlainObject(resource) ? stringMember(resource, 'id') : '',
  };
}
