import { formatProblem } from '@edict/bundle';
import { validateObject, type PolicyDomain, type PolicyDomainSpec } from '@edict/crds';
import { CheckError, type DomainChecker, type DomainContext, type DomainSource } from '../compile/domain-checker.ts';
import { domainsReferredTo } from '../compile/domain-references.ts';
import { FORCE_DELETE_ANNOTATION } from '../controllers/names.ts';
import { isDeleting } from '../controllers/world.ts';
import type { AdmissionRequest, Verdict } from './admission-review.ts';

export interface JudgeDeps {
  readonly checker: DomainChecker;
  /** Domains of a namespace, from the cache. */
  readonly domainsOf: (namespace: string) => readonly PolicyDomain[];
  /** Who may write bundles and revisions: the operator's own service account. */
  readonly operatorUser: string;
  /** Largest domain, bytes of JSON. */
  readonly maxDomainBytes: number;
}

/** Whom the garbage collector and namespace deletion act as; they only delete what nobody holds any more. */
const SYSTEM_USERS = new Set([
  'system:serviceaccount:kube-system:generic-garbage-collector',
  'system:serviceaccount:kube-system:namespace-controller',
  'system:kube-controller-manager',
]);

/** Above this `kubectl apply` without --server-side fails: its last-applied annotation is limited. */
const CLIENT_APPLY_BYTES = 200 * 1024;

/** Decides about one request. The same checks run again in the controllers, so nothing rests on this being reached. */
export async function judge(request: AdmissionRequest, deps: JudgeDeps): Promise<Verdict> {
  switch (request.kind.kind) {
    case 'PolicyDomain':
      return request.operation === 'DELETE' ? judgeDeletion(request, deps) : await judgeDomain(request, deps);
    case 'PolicyBundle':
    case 'PolicyRevision':
      return judgeOperatorOnly(request, deps);
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
  // A domain that is being deleted must be able to lose its finalizer, whatever is wrong with it.
  if (isDeleting(valid.object)) return { allowed: true };
  const { name } = valid.object.metadata;
  const subject: DomainSource = { namespace: request.namespace, name, spec: valid.object.spec as PolicyDomainSpec };
  const context = deps
    .domainsOf(request.namespace)
    .filter((other) => other.metadata.name !== name && !isDeleting(other))
    .map(sourceOf);
  try {
    const verdict = await deps.checker.checkDomain(subject, context);
    if (verdict.problems.length > 0) {
      return { allowed: false, code: 422, message: verdict.problems.map(formatProblem).join('\n') };
    }
    if (verdict.tooLarge !== undefined) return { allowed: false, code: 413, message: verdict.tooLarge };
    const size =
      bytes > CLIENT_APPLY_BYTES ? [`the domain is ${bytes} bytes: apply it with kubectl apply --server-side`] : [];
    return { allowed: true, warnings: [...size, ...verdict.warnings] };
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    return { allowed: false, code: 503, message: `the domain was not checked (${error.code}): ${error.message}` };
  }
}

/** Refuses to pull a library from under the domains that use it. */
function judgeDeletion(request: AdmissionRequest, deps: JudgeDeps): Verdict {
  const { namespace, name } = request;
  const deleted = deps.domainsOf(namespace).find(({ metadata }) => metadata.name === name);
  if (deleted?.metadata.annotations?.[FORCE_DELETE_ANNOTATION] === 'true') return { allowed: true };
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
