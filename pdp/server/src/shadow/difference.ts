import { createHash } from 'node:crypto';
import type { ShadowDifference, ShadowSample } from '@edict/protocol';
import type { Outcome } from '@edict/rego';
import { stringify } from '@edict/rego/values';
import { hasFailed } from '../core/decision-cache.ts';
import { principalOfInput, principalOfPorc } from '../core/principal.ts';
import { readValue, type ShadowAnswer } from './candidate.ts';
import type { TappedDecision, TappedQuery } from './shadow-tap.ts';

/** A live answer that is compared. */
export type Tapped = TappedDecision | TappedQuery;

/** In which way the candidate's answer differs from the live one. */
export interface Comparison {
  /** Undefined where it does not. */
  readonly difference: ShadowDifference | undefined;
  /** The candidate failed where the live answer did not. */
  readonly isError: boolean;
}

/** Compares what the candidate says with what was answered. A grant that becomes a deny by an error is both. */
export function compare(tapped: Tapped, answer: ShadowAnswer): Comparison {
  const { before, after, isSame, isError } = 'porc' in tapped ? decisions(tapped, answer) : outcomes(tapped, answer);
  if (before === true && after === false) return { difference: 'GrantToDeny', isError };
  if (before === false && after === true) return { difference: 'DenyToGrant', isError };
  if (isError) return { difference: 'Error', isError };
  return { difference: isSame ? undefined : 'Other', isError };
}

interface Both {
  readonly before: boolean | undefined;
  readonly after: boolean | undefined;
  readonly isSame: boolean;
  readonly isError: boolean;
}

function decisions({ allow, record }: TappedDecision, answer: ShadowAnswer): Both {
  const decided = answer.kind === 'decided' ? answer : { allow: false, failed: true };
  return {
    before: allow,
    after: decided.allow,
    isSame: allow === decided.allow,
    isError: decided.failed && !hasFailed(record),
  };
}

function outcomes({ outcome, verdict }: TappedQuery, answer: ShadowAnswer): Both {
  const candidate = outcomeOf(answer);
  return {
    before: verdict?.(outcome),
    after: verdict?.(candidate),
    isSame: textOf(outcome) === textOf(candidate),
    isError: candidate.kind === 'error' && outcome.kind !== 'error',
  };
}

function outcomeOf(answer: ShadowAnswer): Outcome {
  if (answer.kind === 'value') return { kind: 'value', value: readValue(answer.text) };
  if (answer.kind === 'undefined') return { kind: 'undefined' };
  return { kind: 'error', code: 'eval_internal_error', message: 'the candidate failed' };
}

function textOf(outcome: Outcome): string {
  return outcome.kind === 'value' ? `value ${stringify(outcome.value)}` : outcome.kind;
}

/**
 * What is told of a differing answer: the principal as a pseudonym (the same in every PDP for one set), what was asked, and the
 * resource without its last part, which may name a person.
 */
export function sampleOf(tapped: Tapped, difference: ShadowDifference, set: string): ShadowSample {
  if ('porc' in tapped) {
    const { operation, resource } = tapped.record;
    return {
      difference,
      principal: pseudonym(set, principalOfPorc(tapped.porc)),
      operation,
      resource: withoutLast(resource),
    };
  }
  const principal = pseudonym(set, principalOfInput({}, tapped.input));
  return { difference, principal, operation: tapped.path.join('/'), resource: '' };
}

const PSEUDONYM_LENGTH = 12;

function pseudonym(set: string, principal: string | undefined): string {
  if (principal === undefined) return '';
  const text = createHash('sha256').update(set).update('\0').update(principal).digest('hex');
  return `principal-${text.slice(0, PSEUDONYM_LENGTH)}`;
}

/** `mrn:vault:letters:ada` is `mrn:vault:letters:*`; what has no parts is told as none of it. */
function withoutLast(resource: string): string {
  const end = Math.max(resource.lastIndexOf(':'), resource.lastIndexOf('/'));
  return resource === '' ? '' : `${resource.slice(0, end + 1)}*`;
}
