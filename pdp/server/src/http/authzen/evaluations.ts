import type { Refusal, Session } from '../../core/session.ts';
import type { RouteRequest } from '../route.ts';
import { judge, type AuthZenServing, type Judgement } from './judge.ts';
import {
  isObject,
  ownMember,
  readEvaluation,
  readObject,
  wrong,
  type Evaluation,
  type JsonObject,
  type Read,
} from './request.ts';
import { inSlices } from '../in-slices.ts';

/** Questions that one request may hold. */
export const MAX_EVALUATIONS = 1_000;

/** Section 7.1.2.1: when to stop. */
type Semantic = 'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit';

/** A request of several questions, each readable or not. */
export interface Evaluations {
  readonly semantic: Semantic;
  readonly items: readonly Read<Evaluation>[];
}

/** Reads the questions of a request; undefined where it has none of its own and so is a single one. */
export function readEvaluations(body: JsonObject): Read<Evaluations | undefined> {
  const list = ownMember(body, 'evaluations');
  if (list !== undefined && !Array.isArray(list)) return wrong('evaluations must be a list');
  const semantic = readSemantic(body);
  if (!semantic.ok) return semantic;
  const given: readonly unknown[] = list ?? [];
  if (given.length === 0) return { ok: true, value: undefined };
  if (given.length > MAX_EVALUATIONS)
    return wrong(`${given.length} evaluations are more than the ${MAX_EVALUATIONS} of one request`);
  const items = given.map((item) =>
    isObject(item) ? readEvaluation(item, body) : wrong('an evaluation must be an object'),
  );
  return { ok: true, value: { semantic: semantic.value, items } };
}

const SHARED = ['subject', 'action', 'resource', 'context'] as const;

/**
 * Bytes that items take from the request's own members, each time anew: about as many as the request would have more if every
 * item said all itself. They are evaluated and recorded as often.
 */
export function sharedBytesOf(body: JsonObject): number {
  const list: unknown = ownMember(body, 'evaluations');
  const items: readonly unknown[] = Array.isArray(list) ? list : [];
  let bytes = 0;
  for (const name of SHARED) {
    const shared = ownMember(body, name);
    if (shared === undefined) continue;
    const takers = items.filter((item) => isObject(item) && !Object.hasOwn(item, name)).length;
    if (takers > 0) bytes += takers * Buffer.byteLength(JSON.stringify(shared));
  }
  return bytes;
}

/** One answer of several. */
export interface EvaluationAnswer {
  readonly decision: boolean;
  readonly context: JsonObject;
}

/**
 * Answers the questions in their order by one revision. An item that cannot be decided is `decision: false` and says why in
 * its context; a refusal, which concerns the whole set, ends the request. `undefined` where the client's connection
 * was closed before all was decided.
 */
export async function answerEvaluations(
  session: Session,
  serving: AuthZenServing,
  { semantic, items }: Evaluations,
  onClosed: RouteRequest['onClosed'],
): Promise<readonly EvaluationAnswer[] | Refusal | undefined> {
  const answers: EvaluationAnswer[] = [];
  let refusal: Refusal | undefined;
  const end = await inSlices(items, onClosed, (item) => {
    if (!item.ok) return take({ kind: 'invalid', message: item.message });
    const judgement = judge(session, serving, item.value, false);
    return judgement instanceof Promise ? judgement.then(take) : take(judgement);
  });
  return refusal ?? (end === 'whole' ? answers : undefined);

  function take(judgement: Judgement | { readonly kind: 'invalid'; readonly message: string }): boolean {
    if (judgement.kind === 'refused') {
      refusal = judgement;
      return false;
    }
    const answer = answerOf(session, judgement);
    answers.push(answer);
    return semantic === 'execute_all' || answer.decision !== (semantic === 'permit_on_first_permit');
  }
}

/** A judgement as AuthZEN writes it. The context always names the revision. */
export function answerOf(
  session: Session,
  judgement: Exclude<Judgement, Refusal> | { readonly kind: 'invalid'; readonly message: string },
): EvaluationAnswer {
  const revision = `${session.revision.set}@${session.revision.n}`;
  if (judgement.kind === 'judged') return { decision: judgement.decision, context: { ...judgement.context, revision } };
  const status = judgement.kind === 'invalid' ? 400 : 500;
  return { decision: false, context: { error: { status, message: judgement.message }, revision } };
}

function readSemantic(body: JsonObject): Read<Semantic> {
  const options = readObject('options', ownMember(body, 'options'));
  if (!options.ok) return options;
  const semantic = options.value === undefined ? undefined : ownMember(options.value, 'evaluations_semantic');
  switch (semantic) {
    case undefined:
      return { ok: true, value: 'execute_all' };
    case 'execute_all':
    case 'deny_on_first_deny':
    case 'permit_on_first_permit':
      return { ok: true, value: semantic };
    default:
      return wrong('options.evaluations_semantic must be execute_all, deny_on_first_deny or permit_on_first_permit');
  }
}
