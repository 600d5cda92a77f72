import {
  decide,
  loadSnapshot,
  parsePorc,
  type CompiledSnapshot,
  type DecisionLimits,
  type Snapshot,
} from '@edict/engine';
import type { Value } from '@edict/rego';
import { parseJson, stringify } from '@edict/rego/values';
import { hasFailed } from '../core/decision-cache.ts';

/** What a candidate is made of, as it goes to its thread. */
export interface CandidateTerms {
  readonly compiled: CompiledSnapshot;
  readonly limits: DecisionLimits;
  /** Whether phases are evaluated that no longer count, as live decisions do. */
  readonly includeAll: boolean;
}

/** One live request, as it goes to the candidate's thread: as text, so that numbers arrive as they were. */
export type ShadowQuestion =
  | { readonly id: number; readonly nowMs: number; readonly porc: string }
  | {
      readonly id: number;
      readonly nowMs: number;
      readonly path: readonly string[];
      readonly input: string | undefined;
    };

/** What the candidate says to it. */
export type ShadowAnswer =
  | { readonly id: number; readonly kind: 'decided'; readonly allow: boolean; readonly failed: boolean }
  /** `text`: the value as JSON. */
  | { readonly id: number; readonly kind: 'value'; readonly text: string }
  | { readonly id: number; readonly kind: 'undefined' | 'error' };

/** The value that `stringify` wrote. */
export function readValue(text: string): Value {
  const read = parseJson(text);
  if (!read.ok) throw new Error('a value was not written as JSON');
  return read.value;
}

/** A candidate revision that answers what live requests ask, beside the one that serves. */
export class Candidate {
  readonly #snapshot: Snapshot;
  readonly #terms: CandidateTerms;

  constructor(terms: CandidateTerms) {
    this.#snapshot = loadSnapshot(terms.compiled);
    this.#terms = terms;
  }

  /** Never throws for anything that a policy or a request can cause. */
  answer(question: ShadowQuestion): ShadowAnswer {
    return 'porc' in question ? this.#decide(question) : this.#query(question);
  }

  #decide({ id, nowMs, porc: text }: Extract<ShadowQuestion, { porc: string }>): ShadowAnswer {
    const parsed = parsePorc(text);
    if (!parsed.ok) return { id, kind: 'error' };
    const { limits, includeAll } = this.#terms;
    const clock = { nowMs: () => nowMs, monotonicNs: () => 0 };
    const { allow, record } = decide(this.#snapshot, parsed.porc, { clock, newId: () => '', limits, includeAll });
    return { id, kind: 'decided', allow, failed: record !== undefined && hasFailed(record) };
  }

  #query({ id, nowMs, path, input }: Extract<ShadowQuestion, { path: readonly string[] }>): ShadowAnswer {
    const options = { nowNs: BigInt(Math.trunc(nowMs)) * 1_000_000n, maxSteps: this.#terms.limits.maxSteps };
    const outcome = this.#snapshot.documents?.evaluate(
      path,
      input === undefined ? undefined : readValue(input),
      options,
    );
    if (outcome === undefined) return { id, kind: 'undefined' };
    return outcome.kind === 'value'
      ? { id, kind: 'value', text: stringify(outcome.value) }
      : { id, kind: outcome.kind };
  }
}
