import type { Serving } from '@edict/crds';
import { toPorc, type MapErrorCode, type MapResult } from '@edict/engine';
import type { Outcome } from '@edict/rego';
import type { DecisionCore, DocumentAnswer, PorcAnswer, Refusal, Session } from '../core/session.ts';
import type { CheckAnswer, CheckProblem } from './check-answer.ts';
import type { AttributeStyle } from './decode-check-request.ts';
import type { CheckMetadata } from './encode-check-response.ts';
import type { JsonObject } from './json-object.ts';
import { ruleInput } from './rule-input.ts';
import { readRuleResult, type RuleResult } from './rule-result.ts';
import { RequestParseError } from './url-escape.ts';

/** What a check came to. */
export type CheckOutcome =
  | { readonly kind: 'answered'; readonly answer: CheckAnswer; readonly metadata: CheckMetadata }
  /** No answer can be given: Envoy takes it for a failure of the authorization service. */
  | { readonly kind: 'failed'; readonly message: string }
  | Refusal;

export interface CheckDeps {
  readonly core: DecisionCore;
  /** Told of every check that no policy decided. */
  readonly onProblem: (problem: CheckProblem | 'mapper-missing') => void;
}

type EnvoyServing = NonNullable<Serving['envoy']>;

/** The attributes in the style that the set's policies read; undefined where the request has none. */
export type AttributesIn = (style: AttributeStyle) => JsonObject | undefined;

/**
 * Decides what becomes of a request, in the way that the set declares. What cannot be read, of the request or of a result, is a
 * deny with the problem's name in the metadata; for results a set can choose a failure in its place, as the OPA-Envoy plugin
 * gives, which Envoy may take for leave to pass.
 */
export function check(
  deps: CheckDeps,
  session: Session,
  attributes: AttributesIn,
): CheckOutcome | Promise<CheckOutcome> {
  const { envoy } = session.serving;
  if (envoy === undefined) return notServed(session);
  switch (envoy.result) {
    case 'Rule':
      return checkByRule(deps, session, envoy, attributes('json'));
    case 'Mapper':
      return checkByMapper(deps, session, envoy, attributes('go'));
    default:
      return envoy.result satisfies never;
  }
}

const paths = new WeakMap<EnvoyServing, readonly string[]>();

function pathOf(envoy: EnvoyServing): readonly string[] {
  let path = paths.get(envoy);
  if (path === undefined) {
    path = envoy.rule.split('/');
    paths.set(envoy, path);
  }
  return path;
}

function checkByRule(
  deps: CheckDeps,
  session: Session,
  envoy: EnvoyServing,
  attributes: JsonObject | undefined,
): CheckOutcome | Promise<CheckOutcome> {
  let input: unknown;
  try {
    input = ruleInput(attributes);
  } catch (error) {
    if (!(error instanceof RequestParseError)) throw error;
    return unreadableRequest(deps, session, error);
  }
  let result: RuleResult | undefined;
  const verdict = (outcome: Outcome): boolean | undefined => {
    result = readRuleResult(outcome);
    if (result.ok) return result.answer.allow;
    return envoy.unreadable === 'Deny' ? false : undefined;
  };
  const finish = (answer: DocumentAnswer): CheckOutcome => {
    if (answer.kind === 'refused') return answer;
    const { decisionId, outcome } = answer;
    const read = result ?? readRuleResult(outcome);
    if (!read.ok) return unreadable(deps, session, envoy, read.problem, read.message, decisionId);
    return answered(session, read.answer, { given: read.metadata, decisionId });
  };
  const answer = session.query({ path: pathOf(envoy), input, label: envoy.rule, verdict });
  return answer instanceof Promise ? answer.then(finish) : finish(answer);
}

const MAPPER_PROBLEMS: Readonly<Record<MapErrorCode, CheckProblem | 'mapper-missing'>> = {
  UnknownDomain: 'mapper-missing',
  NoMapper: 'mapper-missing',
  AmbiguousMapper: 'mapper-missing',
  MapperUndefined: 'mapper-undefined',
  MapperFailed: 'mapper-failed',
};

const RESULT_HEADER = 'x-ext-authz-check-result';
const NOTHING = { headersToRemove: [], responseHeaders: [], queryToSet: [], queryToRemove: [] };
const MAPPER_ALLOWED: CheckAnswer = { allow: true, changes: { ...NOTHING, headers: [[RESULT_HEADER, 'allowed']] } };
const MAPPER_DENIED: CheckAnswer = {
  allow: false,
  reply: { status: 403, headers: [[RESULT_HEADER, 'denied']], body: 'permission denied' },
};

function checkByMapper(
  deps: CheckDeps,
  session: Session,
  envoy: EnvoyServing,
  attributes: JsonObject | undefined,
): CheckOutcome | Promise<CheckOutcome> {
  const mapped = session.map(attributes ?? null, envoy.mapper);
  return mapped instanceof Promise
    ? mapped.then((late) => decideMapped(deps, session, envoy, late))
    : decideMapped(deps, session, envoy, mapped);
}

function decideMapped(
  deps: CheckDeps,
  session: Session,
  envoy: EnvoyServing,
  mapped: MapResult,
): CheckOutcome | Promise<CheckOutcome> {
  if (!mapped.ok) {
    const problem = MAPPER_PROBLEMS[mapped.code];
    if (problem !== 'mapper-missing') return unreadable(deps, session, envoy, problem, mapped.message, undefined);
    // Not a result that cannot be read: there is nobody to ask, as without policy.
    deps.onProblem(problem);
    return { kind: 'failed', message: mapped.message };
  }
  const porc = toPorc(mapped.value);
  if (!porc.ok) return unreadable(deps, session, envoy, 'porc-unreadable', porc.message, undefined);
  const finish = (answer: PorcAnswer): CheckOutcome => {
    if (answer.kind === 'refused') return answer;
    const { allow, record } = answer;
    return answered(session, allow ? MAPPER_ALLOWED : MAPPER_DENIED, { given: undefined, decisionId: record?.id });
  };
  const answer = session.decide(porc.porc, { probe: false, explain: true });
  return answer instanceof Promise ? answer.then(finish) : finish(answer);
}

function answered(
  { revision }: Session,
  answer: CheckAnswer,
  metadata: Pick<CheckMetadata, 'given' | 'decisionId'>,
  problem?: CheckProblem,
): CheckOutcome {
  return { kind: 'answered', answer, metadata: { ...metadata, revision, problem } };
}

function unreadableRequest(
  { core, onProblem }: CheckDeps,
  session: Session,
  { code, message }: RequestParseError,
): CheckOutcome {
  core.invalid('envoy');
  onProblem(code);
  const text = `request_parse_error: ${message}`;
  const reply = { status: 400, headers: [], body: text };
  return answered(session, { allow: false, message: text, reply }, NO_DECISION, code);
}

const NO_DECISION = { given: undefined, decisionId: undefined };
const FORBIDDEN: CheckAnswer = { allow: false, reply: { status: 403, headers: [], body: '' } };

function unreadable(
  { onProblem }: CheckDeps,
  session: Session,
  { unreadable: choice }: EnvoyServing,
  problem: CheckProblem,
  message: string,
  decisionId: string | undefined,
): CheckOutcome {
  onProblem(problem);
  if (choice === 'Error') return { kind: 'failed', message: `${problem}: ${message}` };
  return answered(session, FORBIDDEN, { given: undefined, decisionId }, problem);
}

function notServed({ revision }: Session): Refusal {
  return {
    kind: 'refused',
    problem: 'not-served',
    detail: `The set ${revision.set} does not serve Envoy: its PolicySet has no spec.serving.envoy.`,
  };
}
