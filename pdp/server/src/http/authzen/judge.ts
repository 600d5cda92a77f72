import { toPorc, type MapResult } from '@edict/engine';
import type { Outcome } from '@edict/rego';
import { toJson } from '@edict/rego/values';
import type { Serving } from '@edict/crds';
import type { PorcAnswer, Refusal, Session } from '../../core/session.ts';
import { porcOf } from './porc-of.ts';
import { isObject, ownMember, type Evaluation, type JsonObject } from './request.ts';

/** How a set answers AuthZEN's questions. */
export type AuthZenServing = NonNullable<Serving['authzen']>;

/** The answer to one question: a decision, or why there is none. */
export type Judgement =
  | { readonly kind: 'judged'; readonly decision: boolean; readonly context?: JsonObject }
  /** The policy failed, or said what is no decision. The message tells nothing of the policy: records do. */
  | { readonly kind: 'failed'; readonly message: string }
  | Refusal;

/** Asks the set, in the way that it declares. A probe leaves no record. */
export function judge(
  session: Session,
  { evaluation, mapper, rule }: AuthZenServing,
  question: Evaluation,
  probe: boolean,
): Judgement | Promise<Judgement> {
  switch (evaluation) {
    case 'Porc':
      return decide(session, porcOf(question), probe);
    case 'Mapper': {
      const mapped = session.map(question, mapper);
      return mapped instanceof Promise
        ? mapped.then((late) => decideMapped(session, late, probe))
        : decideMapped(session, mapped, probe);
    }
    case 'Rule': {
      const answer = session.query({ path: rule.split('/'), input: inputOf(question), label: rule, verdict, probe });
      return answer instanceof Promise ? answer.then(judgementOf) : judgementOf(answer);
    }
    default:
      return evaluation satisfies never;
  }
}

type QueryAnswer = Awaited<ReturnType<Session['query']>>;

const UNMAPPED: Judgement = { kind: 'failed', message: 'the mapper of the policy set gives no PORC for this request' };

function decideMapped(session: Session, mapped: MapResult, probe: boolean): Judgement | Promise<Judgement> {
  return mapped.ok ? decide(session, mapped.value, probe) : UNMAPPED;
}

function decide(session: Session, value: unknown, probe: boolean): Judgement | Promise<Judgement> {
  const porc = toPorc(value);
  if (!porc.ok) return UNMAPPED;
  const answer = session.decide(porc.porc, { probe });
  return answer instanceof Promise ? answer.then(decided) : decided(answer);
}

function decided(answer: PorcAnswer): Judgement {
  return answer.kind === 'refused' ? answer : { kind: 'judged', decision: answer.allow };
}

/** Policies see members as the caller sent them, so far as the specification names them. */
function inputOf(question: Evaluation): JsonObject {
  return { ...question };
}

function judgementOf(answer: QueryAnswer): Judgement {
  if (answer.kind === 'refused') return answer;
  const { outcome } = answer;
  const decision = verdict(outcome);
  if (decision === undefined) return { kind: 'failed', message: 'the rule of the policy set gives no decision' };
  const value = outcome.kind === 'value' ? toJson(outcome.value) : undefined;
  const context = isObject(value) ? ownMember(value, 'context') : undefined;
  return isObject(context) ? { kind: 'judged', decision, context } : { kind: 'judged', decision };
}

/** A boolean, or an object with a boolean `decision`. A rule that is undefined denies. */
function verdict(outcome: Outcome): boolean | undefined {
  if (outcome.kind === 'undefined') return false;
  if (outcome.kind === 'error') return undefined;
  const { value } = outcome;
  const decision = isObject(value) ? ownMember(value, 'decision') : value;
  return typeof decision === 'boolean' ? decision : undefined;
}
