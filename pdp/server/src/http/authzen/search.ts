import { RegoNumber, toJson } from '@edict/rego/values';
import type { Refusal, Session } from '../../core/session.ts';
import type { RouteRequest } from '../route.ts';
import { judge, type AuthZenServing } from './judge.ts';
import { pageKeyOf } from './page-key.ts';
import type { PageScope, PageTokens } from './page-token.ts';
import {
  ownMember,
  readAction,
  readEntity,
  readSought,
  readObject,
  wrong,
  type Action,
  type Entity,
  type Evaluation,
  type JsonObject,
  type Read,
} from './request.ts';
import { inSlices } from '../in-slices.ts';

/** What can be searched for. */
export const SEARCHES = ['subject', 'resource', 'action'] as const;
export type SearchName = (typeof SEARCHES)[number];

/** Candidates that one search looks at. */
export const MAX_CANDIDATES = 10_000;
/** Results of one page, also where the request asks for more. */
export const MAX_PAGE = 1_000;

/** A search, read and checked. */
export interface Search {
  readonly name: SearchName;
  /** What the candidates rule gets as its input. */
  readonly question: JsonObject;
  /** Makes a candidate a question; undefined for what is no candidate. */
  readonly ask: (candidate: unknown) => Evaluation | undefined;
  readonly page: Page | undefined;
}

/** The page that is asked for. */
interface Page {
  readonly token: string | undefined;
  /** Undefined where the request does not say. */
  readonly limit: number | undefined;
  /** Whatever else it says: nothing is understood of it, but it has to stay the same. */
  readonly properties: JsonObject | undefined;
}

/** Reads a search (sections 8.4 to 8.6). The id of what is searched for is passed over. */
export function readSearch(name: SearchName, body: JsonObject): Read<Search> {
  const page = readPage(ownMember(body, 'page'));
  if (!page.ok) return page;
  const context = readObject('context', ownMember(body, 'context'));
  if (!context.ok) return context;
  const rest = context.value === undefined ? {} : { context: context.value };
  const asked = readAsked(name, body);
  if (!asked.ok) return asked;
  const { question, ask } = asked.value;
  const withContext = (candidate: unknown): Evaluation | undefined => {
    const evaluation = ask(candidate);
    return evaluation === undefined ? undefined : { ...evaluation, ...rest };
  };
  return { ok: true, value: { name, question: { ...question, ...rest }, ask: withContext, page: page.value } };
}

interface Asked {
  readonly question: JsonObject;
  readonly ask: (candidate: unknown) => Evaluation | undefined;
}

function readAsked(name: SearchName, body: JsonObject): Read<Asked> {
  const subject =
    name === 'subject' ? readSought(name, ownMember(body, name)) : readEntity('subject', ownMember(body, 'subject'));
  if (!subject.ok) return subject;
  const action: Read<Action | undefined> =
    name === 'action' ? { ok: true, value: undefined } : readAction(ownMember(body, 'action'));
  if (!action.ok) return action;
  const resource =
    name === 'resource' ? readSought(name, ownMember(body, name)) : readEntity('resource', ownMember(body, 'resource'));
  if (!resource.ok) return resource;
  const given = { subject: subject.value, action: action.value, resource: resource.value };
  const question: JsonObject = {
    subject: name === 'subject' ? withoutId({ ...subject.value }) : subject.value,
    ...(action.value === undefined ? {} : { action: action.value }),
    resource: name === 'resource' ? withoutId({ ...resource.value }) : resource.value,
  };
  const ask = (candidate: unknown): Evaluation | undefined => {
    const found = name === 'action' ? readAction(candidate) : readEntity(name, candidate);
    if (!found.ok) return undefined;
    const evaluation = { ...given, [name]: found.value } as Evaluation;
    return name !== 'action' && evaluation[name].type !== given[name].type ? undefined : evaluation;
  };
  return { ok: true, value: { question, ask } };
}

function withoutId({ id: _, ...rest }: JsonObject): JsonObject {
  return rest;
}

function readPage(value: unknown): Read<Page | undefined> {
  const page = readObject('page', value);
  if (!page.ok) return page;
  if (page.value === undefined) return { ok: true, value: undefined };
  const token = ownMember(page.value, 'token');
  if (token !== undefined && typeof token !== 'string') return wrong('page.token must be a string');
  const limit = readLimit(ownMember(page.value, 'limit'));
  if (!limit.ok) return limit;
  const properties = readObject('page.properties', ownMember(page.value, 'properties'));
  if (!properties.ok) return properties;
  const read = { token: token === '' ? undefined : token, limit: limit.value, properties: properties.value };
  return { ok: true, value: read };
}

function readLimit(value: unknown): Read<number | undefined> {
  if (value === undefined) return { ok: true, value };
  // Numbers such as 10.0 keep their text, and are whole for all that.
  const limit = value instanceof RegoNumber ? Number(value.text) : value;
  if (typeof limit !== 'number' || !Number.isSafeInteger(limit) || limit < 0)
    return wrong('page.limit must be a whole number from 0');
  return { ok: true, value: Math.min(limit, MAX_PAGE) };
}

/** What a search found, a page of it. */
export interface SearchAnswer {
  readonly results: readonly (Pick<Entity, 'type' | 'id'> | Pick<Action, 'name'>)[];
  readonly page?: { readonly next_token: string; readonly count: number };
}

/** A search's answer, or why there is none. */
export type SearchOutcome =
  | { readonly kind: 'found'; readonly answer: SearchAnswer }
  | { readonly kind: 'invalid' | 'failed'; readonly message: string }
  /** The client's connection was closed before all was decided. */
  | { readonly kind: 'interrupted' }
  | Refusal;

/**
 * Evaluates the candidates that the set's rule lists, in its order, and keeps those that would be permitted. Looks at no more
 * than the page needs. The search leaves one record, the evaluations of candidates none.
 */
export async function search(
  session: Session,
  serving: AuthZenServing,
  { name, question, ask, page }: Search,
  tokens: PageTokens,
  onClosed: RouteRequest['onClosed'],
): Promise<SearchOutcome> {
  const { revision, snapshot } = session;
  const asked = page?.properties === undefined ? question : [question, page.properties];
  const scope: PageScope = { search: name, question: asked, revision: revision.token, key: pageKeyOf(snapshot) };
  const position = page?.token === undefined ? undefined : tokens.read(page.token, scope);
  if (position?.ok === false) return { kind: 'invalid', message: TOKEN_PROBLEMS[position.reason] };
  const { offset, limit } = position?.position ?? { offset: 0, limit: page?.limit ?? MAX_PAGE };
  if (page?.limit !== undefined && page.limit !== limit) {
    return { kind: 'invalid', message: 'page.token belongs to a search with another page.limit' };
  }
  const candidates = await candidatesOf(session, serving, name, question);
  if (candidates.kind !== 'candidates') return candidates;
  const results: SearchAnswer['results'][number][] = [];
  let stop: Refusal | { readonly kind: 'failed'; readonly message: string } | undefined;
  let next = candidates.list.length;
  const end = await inSlices(candidates.list.slice(offset), onClosed, async (candidate, index) => {
    const evaluation = ask(candidate);
    if (evaluation === undefined) return true;
    const judgement = await judge(session, serving, evaluation, true);
    if (judgement.kind !== 'judged') {
      stop = judgement;
      return false;
    }
    if (!judgement.decision) return true;
    if (results.length === limit) {
      next = offset + index;
      return false;
    }
    results.push(resultOf(name, evaluation));
    return true;
  });
  if (stop !== undefined) return stop;
  if (end === 'interrupted') return { kind: 'interrupted' };
  const more = next < candidates.list.length;
  if (page === undefined && !more) return { kind: 'found', answer: { results } };
  const nextToken = more ? tokens.issue({ offset: next, limit }, scope) : '';
  return { kind: 'found', answer: { results, page: { next_token: nextToken, count: results.length } } };
}

const TOKEN_PROBLEMS = {
  invalid: 'page.token is none that was given out here',
  'other-question': 'page.token belongs to a search with other members',
  'other-revision': 'page.token belongs to a policy revision that is no longer active: begin the search again',
} as const;

type Candidates =
  | { readonly kind: 'candidates'; readonly list: readonly unknown[] }
  | { readonly kind: 'failed'; readonly message: string }
  | Refusal;

async function candidatesOf(
  session: Session,
  { candidates }: AuthZenServing,
  name: SearchName,
  question: JsonObject,
): Promise<Candidates> {
  const rule = candidates[name];
  if (rule === undefined) return { kind: 'candidates', list: [] };
  const answer = await session.query({ path: rule.split('/'), input: { ...question }, label: rule });
  if (answer.kind === 'refused') return answer;
  const { outcome } = answer;
  if (outcome.kind === 'undefined') return { kind: 'candidates', list: [] };
  const value = outcome.kind === 'value' ? toJson(outcome.value) : undefined;
  if (!Array.isArray(value)) return { kind: 'failed', message: 'the rule of the policy set lists no candidates' };
  if (value.length > MAX_CANDIDATES) {
    return { kind: 'failed', message: `${value.length} candidates are more than the ${MAX_CANDIDATES} of one search` };
  }
  return { kind: 'candidates', list: value };
}

function resultOf(name: SearchName, { subject, resource, action }: Evaluation): SearchAnswer['results'][number] {
  if (name === 'action') return { name: action.name };
  const { type, id } = name === 'subject' ? subject : resource;
  return { type, id };
}
