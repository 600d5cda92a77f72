import { isDeepStrictEqual } from 'node:util';
import { formatProblem } from '@edict/bundle';
import {
  findCondition,
  MANETU_GROUP,
  selectorMatches,
  validateObject,
  type ObjectMeta,
  type PolicyDomain,
  type PolicyDomainSpec,
  type PolicySet,
  type PolicyTestSuite,
} from '@edict/crds';
import { CheckError, type DomainChecker, type DomainContext, type DomainSource } from '../compile/domain-checker.ts';
import { domainsReferredTo, reachable, reversed } from '../compile/domain-references.ts';
import { renderSuite, suiteOf } from '../compile/test-suites.ts';
import { FORCE_DELETE_ANNOTATION } from '../controllers/names.ts';
import { carries, isDeleting, suitesOf } from '../controllers/world.ts';
import { manetuWarnings, mirrorRequest, refuseMirrorEdit } from './judge-mirrors.ts';
import { judgeSet, judgeUserRequest } from './judge-requests.ts';
import type { AdmissionRequest, Verdict } from './admission-review.ts';

export interface JudgeDeps {
  readonly checker: DomainChecker;
  /** Domains of a namespace, from the cache. */
  readonly domainsOf: (namespace: string) => readonly PolicyDomain[];
  readonly setsOf: (namespace: string) => readonly PolicySet[];
  readonly suitesOf: (namespace: string) => readonly PolicyTestSuite[];
  /** Who may write bundles and revisions: the operator's own service account. */
  readonly operatorUser: string;
  /** Largest domain, bytes of JSON. */
  readonly maxDomainBytes: number;
  /** Whether domains that mirror those of another group are the operator's alone. Default: there are none. */
  readonly keepsMirrors?: boolean;
}

/** Whom the garbage collector and namespace deletion act as; they only delete what nobody holds any more. */
const SYSTEM_USERS = new Set([
  'system:serviceaccount:kube-system:generic-garbage-collector',
  'system:serviceaccount:kube-system:namespace-controller',
  'system:kube-controller-manager',
]);

/** Time for the tests of one set: an apiserver waits 10 s for the answer, and the one that does not end is to be named. */
const TESTS_MS = 5_000;

/** Above this `kubectl apply` without --server-side fails: its last-applied annotation is limited. */
const CLIENT_APPLY_BYTES = 200 * 1024;

/** Decides about one request. The same checks run again in the controllers, so nothing rests on this being reached. */
export async function judge(request: AdmissionRequest, deps: JudgeDeps): Promise<Verdict> {
  if (request.kind.group === MANETU_GROUP) return await judgeManetu(request, deps);
  switch (request.kind.kind) {
    case 'PolicyDomain': {
      const refused = deps.keepsMirrors === true ? refuseMirrorEdit(request, deps.operatorUser) : undefined;
      if (refused !== undefined) return refused;
      return request.operation === 'DELETE' ? judgeDeletion(request, deps) : await judgeDomain(request, deps);
    }
    case 'PolicyRevision':
      // The operator writes what it likes, and names those who asked it to.
      if (request.userInfo.username === deps.operatorUser) return { allowed: true };
      return judgeUserRequest(request) ?? judgeOperatorOnly(request, deps);
    case 'PolicyBundle':
      return judgeOperatorOnly(request, deps);
    case 'PolicySet':
      return judgeSet(request, deps.operatorUser);
    case 'PolicyTestSuite':
      return await judgeSuite(request, deps);
    default:
      return { allowed: true };
  }
}

function judgeOperatorOnly({ kind, operation, userInfo }: AdmissionRequest, { operatorUser }: JudgeDeps): Verdict {
  if (userInfo.username === operatorUser) return { allowed: true };
  if (operation === 'DELETE' && SYSTEM_USERS.has(userInfo.username)) return { allowed: true };
  return {
    allowed: false,
    code: 403,
    message: `${kind.kind} objects are written by the operator alone (${operatorUser}): change a PolicyDomain or PolicySet instead`,
  };
}

async function judgeDomain(request: AdmissionRequest, deps: JudgeDeps): Promise<Verdict> {
  const bytes = Buffer.byteLength(JSON.stringify(request.object));
  if (bytes > deps.maxDomainBytes) {
    return {
      allowed: false,
      code: 413,
      message: `the domain is ${bytes} bytes, more than the ${deps.maxDomainBytes} allowed: split it into several`,
    };
  }
  const valid = validateObject(request.object);
  if (!valid.ok) return { allowed: false, code: 422, message: valid.problems.join('\n') };
  // A domain that is being deleted must be able to lose its finalizer, whatever is wrong with it; and labels, annotations
  // and finalizers of one that came in while nobody looked must be changeable: nothing of its policy changes.
  if (isDeleting(valid.object) || isSameSpec(request)) return { allowed: true };
  const { name } = valid.object.metadata;
  const subject: DomainSource = { namespace: request.namespace, name, spec: valid.object.spec as PolicyDomainSpec };
  const others = deps
    .domainsOf(request.namespace)
    .filter((other) => other.metadata.name !== name && !isDeleting(other));
  try {
    const verdict = await deps.checker.checkDomain(subject, others.map(sourceOf));
    if (verdict.problems.length > 0) {
      return { allowed: false, code: 422, message: verdict.problems.map(formatProblem).join('\n') };
    }
    if (verdict.tooLarge !== undefined) return { allowed: false, code: 413, message: verdict.tooLarge };
    const broken = await brokenBy(subject, others, deps.checker);
    if (broken !== undefined) return { allowed: false, code: 409, message: broken };
    const failure = await failureOf(subject, others, request.object, deps);
    if (failure !== undefined) return { allowed: false, code: 422, message: `a test fails: ${failure}` };
    const size =
      bytes > CLIENT_APPLY_BYTES ? [`the domain is ${bytes} bytes: apply it with kubectl apply --server-side`] : [];
    return { allowed: true, warnings: [...size, ...verdict.warnings] };
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    return { allowed: false, code: 503, message: `the domain was not checked (${error.code}): ${error.message}` };
  }
}

/** The first case that would fail in a set of the domain, with the subject as it is to be. */
async function failureOf(
  subject: DomainSource,
  others: readonly PolicyDomain[],
  object: unknown,
  { checker, setsOf, suitesOf: allSuites }: JudgeDeps,
): Promise<string | undefined> {
  const suites = allSuites(subject.namespace);
  if (suites.length === 0) return undefined;
  const labels = (object as Partial<PolicyDomain>).metadata?.labels ?? {};
  for (const set of setsOf(subject.namespace)) {
    if (isDeleting(set) || !selectorMatches(set.spec.domains.selector, labels)) continue;
    const beside = others.filter((other) => carries(set, other) && isAccepted(other));
    const touched = suitesOf(set, [subject.name, ...beside.map(({ metadata }) => metadata.name)], suites);
    if (touched.length === 0) continue;
    const domains: DomainContext[] = [...beside.map(sourceOf), { type: 'source', source: subject }];
    const { failure } = await checker.runTests(domains, touched.map(suiteOf), set.spec.serving?.documents, TESTS_MS);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** A suite may come before the domains that pass it; what fails now is said. */
async function judgeSuite(request: AdmissionRequest, deps: JudgeDeps): Promise<Verdict> {
  if (request.operation === 'DELETE') return { allowed: true };
  const valid = validateObject(request.object);
  if (!valid.ok) return { allowed: false, code: 422, message: valid.problems.join('\n') };
  const suite = valid.object as PolicyTestSuite;
  const rendered = renderSuite(suite);
  if (typeof rendered === 'string') return { allowed: false, code: 422, message: rendered };
  const { namespace } = request;
  const warnings: string[] = [];
  for (const set of deps.setsOf(namespace)) {
    const domains = deps.domainsOf(namespace).filter((domain) => carries(set, domain) && isAccepted(domain));
    if (
      suitesOf(
        set,
        domains.map(({ metadata }) => metadata.name),
        [suite],
      ).length === 0
    )
      continue;
    try {
      const { documents } = set.spec.serving ?? {};
      const { failure } = await deps.checker.runTests(domains.map(sourceOf), [suiteOf(suite)], documents, TESTS_MS);
      if (failure !== undefined) warnings.push(`set ${set.metadata.name} would get no new revision: ${failure}`);
    } catch (error) {
      if (!(error instanceof CheckError)) throw error;
      return { allowed: false, code: 503, message: `the suite was not run (${error.code}): ${error.message}` };
    }
  }
  return { allowed: true, warnings };
}

/** A domain of Manetu's group is judged as the mirror that it gets; an edit in another version as what it means. */
async function judgeManetu(request: AdmissionRequest, deps: JudgeDeps): Promise<Verdict> {
  if (request.operation === 'DELETE') return judgeDeletion(request, deps);
  const result = mirrorRequest(request);
  if ('verdict' in result) return result.verdict;
  const { mirrored } = result;
  const verdict = await judgeDomain(mirrored, deps);
  if (!verdict.allowed) return verdict;
  const existing = deps.domainsOf(request.namespace).find(({ metadata }) => metadata.name === mirrored.name);
  const warnings = [...manetuWarnings(request, existing), ...(verdict.warnings ?? [])];
  return { allowed: true, warnings };
}

/** Domains that are checked with the one that they refer to; beyond, the controllers' own check must do. */
const DEPENDENTS_MAX = 50;

/** Which domains that work now would not, with the subject as it is to be; undefined if there are none. */
async function brokenBy(
  subject: DomainSource,
  others: readonly PolicyDomain[],
  checker: DomainChecker,
): Promise<string | undefined> {
  const edges = new Map(others.map(({ metadata, spec }) => [metadata.name, domainsReferredTo(spec)]));
  const all = new Map([...edges, [subject.name, domainsReferredTo(subject.spec)]]);
  const dependents = reachable([subject.name], reversed(all));
  const affected = others.filter((other) => dependents.has(other.metadata.name) && isAccepted(other));
  for (const dependent of affected.slice(0, DEPENDENTS_MAX)) {
    const context: DomainContext[] = others.filter((other) => other !== dependent).map(sourceOf);
    const { namespace = '', name } = dependent.metadata;
    const source = { namespace, name, spec: dependent.spec };
    const { problems } = await checker.checkDomain(source, [...context, { type: 'source', source: subject }]);
    if (problems.length > 0) {
      return `domain ${name} refers to ${subject.name} and would be refused:\n${problems.map(formatProblem).join('\n')}`;
    }
  }
  return undefined;
}

/** What was refused before cannot be broken by anybody. */
function isAccepted({ metadata, status }: PolicyDomain): boolean {
  const accepted = findCondition(status?.conditions, 'Accepted');
  return accepted?.status === 'True' && accepted.observedGeneration === metadata.generation;
}

function isSameSpec({ operation, object, oldObject }: AdmissionRequest): boolean {
  const specOf = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && 'spec' in value ? value.spec : undefined;
  return operation === 'UPDATE' && isDeepStrictEqual(specOf(object), specOf(oldObject));
}

/** Refuses to pull a library from under the domains that use it. */
function judgeDeletion(request: AdmissionRequest, deps: JudgeDeps): Verdict {
  const { namespace, name } = request;
  const deleted = deps.domainsOf(namespace).find(({ metadata }) => metadata.name === name);
  const { metadata } = (request.oldObject ?? {}) as Partial<PolicyDomain>;
  for (const { annotations } of [deleted?.metadata ?? {}, metadata ?? {}] as readonly Partial<ObjectMeta>[]) {
    if (annotations?.[FORCE_DELETE_ANNOTATION] === 'true') return { allowed: true };
  }
  const users = deps
    .domainsOf(namespace)
    .filter((other) => other.metadata.name !== name && !isDeleting(other) && domainsReferredTo(other.spec).has(name))
    .map(({ metadata }) => metadata.name);
  if (users.length === 0 || SYSTEM_USERS.has(request.userInfo.username)) return { allowed: true };
  return {
    allowed: false,
    code: 409,
    message: `domain ${name} is used by ${users.join(', ')}: change them first, or set annotation ${FORCE_DELETE_ANNOTATION}: "true"`,
  };
}

function sourceOf({ metadata, spec }: PolicyDomain): DomainContext {
  return { type: 'source', source: { namespace: metadata.namespace ?? '', name: metadata.name, spec } };
}
