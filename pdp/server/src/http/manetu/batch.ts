import { parsePorcList } from '@edict/engine';
import type { PorcAnswer, Session } from '../../core/session.ts';
import { codedBody } from '../content-coding.ts';
import { inSlices } from '../in-slices.ts';
import { messageReply, type Reply } from '../reply.ts';
import { headerOf, type RouteRequest } from '../route.ts';
import type { ExplainDecision } from './explain-decisions.ts';
import type { Explanation } from './explanation.ts';
import type { DecisionFlags } from './flag-parameter.ts';

/** PORCs that one batch may hold unless told otherwise. */
export const MAX_BATCH = 1_000;

/** Items of one batch whose explanations name rules: each costs an evaluation more. */
export const MAX_EXPLAINED_ITEMS = 16;

export type Batch =
  { readonly ok: true; readonly porcs: readonly unknown[] } | { readonly ok: false; readonly reply: Reply };

/** The answer to one PORC of a batch. An item that has no `allow` was not decided: it is no deny. */
export type BatchItem =
  { readonly allow: boolean; readonly explain?: Explanation } | { readonly message: string; readonly problem?: string };

const NOT_EXPLAINED = `of a batch, rules are told for the first ${MAX_EXPLAINED_ITEMS} decisions`;

/** The PORCs of a batch: a JSON list of them, or an object whose member `porcs` is one. */
export function readBatch({ headers, body }: RouteRequest, maxBatch: number): Batch {
  const coded = codedBody({ headers });
  if (coded !== undefined) return { ok: false, reply: coded };
  const contentType = headerOf(headers, 'content-type') ?? '';
  if (!contentType.startsWith('application/json')) return wrong(415, 'Unsupported Media Type');
  const parsed = parsePorcList(body);
  if (!parsed.ok) return wrong(400, parsed.message);
  const { porcs } = parsed;
  if (porcs.length > maxBatch) return wrong(400, `${porcs.length} PORCs are more than the ${maxBatch} of one batch`);
  return parsed;
}

/**
 * Decides the items one after the other, all on the snapshot of the session. Other requests get their turn in between.
 * `undefined` where the client's connection was closed meanwhile: what is left was not decided. Explanations name rules for
 * the first {@link MAX_EXPLAINED_ITEMS} items that are decided.
 */
export async function decideBatch(
  session: Session,
  porcs: readonly unknown[],
  flags: DecisionFlags,
  explain: ExplainDecision,
  onClosed: RouteRequest['onClosed'],
): Promise<readonly BatchItem[] | undefined> {
  const items: BatchItem[] = [];
  let explained = 0;
  const itemOf = (answer: PorcAnswer): BatchItem | Promise<BatchItem> => {
    if (answer.kind === 'refused') return { message: answer.detail, problem: answer.problem };
    const { allow, record } = answer;
    if (record === undefined) return { allow };
    const explanation = explain(record, explained++ < MAX_EXPLAINED_ITEMS ? undefined : NOT_EXPLAINED);
    return explanation instanceof Promise
      ? explanation.then((found) => ({ allow, explain: found }))
      : { allow, explain: explanation };
  };
  const take = (item: BatchItem): boolean => items.push(item) > 0;
  const end = await inSlices(porcs, onClosed, (porc) => {
    if (typeof porc !== 'object' || porc === null || Array.isArray(porc)) {
      return take({ message: 'PORC must be an object' });
    }
    const answer = session.decide(porc, flags);
    const item = answer instanceof Promise ? answer.then(itemOf) : itemOf(answer);
    return item instanceof Promise ? item.then(take) : take(item);
  });
  return end === 'whole' ? items : undefined;
}

function wrong(status: number, message: string): Batch {
  return { ok: false, reply: messageReply(status, message) };
}
