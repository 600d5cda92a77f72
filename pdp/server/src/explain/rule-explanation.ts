import { stringify } from '@edict/rego/values';
import type { ExplainedBody, ExplainedCall, ExplainedLiteral } from '@edict/rego/tools';

/** Where a rule stands. */
export interface RulePlace {
  /** The document or function that it defines: `data.authz.allow`. */
  readonly rule: string;
  /** The MRN of the policy or library that it stands in. */
  readonly module: string;
  /** From 1, in the Rego text of that module. */
  readonly line: number;
  readonly column: number;
}

/** A rule that held, and that the answer rests on. */
export interface HoldingRule extends RulePlace {
  /** Present, and true, of a `default`. */
  readonly isDefault?: true;
  /** What it gave the first time; absent where that is longer than {@link MAX_VALUE_LENGTH}. */
  readonly value?: unknown;
}

/** A rule that was tried and did not hold. */
export interface FailedRule extends RulePlace {
  /** The literal that it did not get beyond; absent where the whole body held and the head did not. */
  readonly at?: { readonly line: number; readonly column: number; readonly text: string };
}

/** Which rules made one policy answer as it did, in the order in which they were evaluated; each rule once. */
export interface RuleExplanation {
  readonly decided: readonly HoldingRule[];
  readonly failed: readonly FailedRule[];
  /** True where there were more than {@link MAX_RULES} of a kind. */
  readonly truncated?: true;
}

/** How many rules of a kind are told. */
export const MAX_RULES = 100;

/** Characters of JSON that a value may have, and of Rego that the text of a literal may have. */
export const MAX_VALUE_LENGTH = 500;

/**
 * Makes of a traced evaluation the rules that its answer rests on: those of the document that held, and, below their
 * literals, those of what these asked for; besides them those that were tried on the way and did not hold.
 */
export function explainRules(call: ExplainedCall | undefined): RuleExplanation {
  const decided = new Map<string, HoldingRule>();
  const failed = new Map<string, FailedRule>();
  const dropped = { some: false };
  const add = <T extends RulePlace>(rules: Map<string, T>, rule: T): void => {
    const key = `${rule.module}:${rule.line}:${rule.column}:${rule.rule}`;
    if (rules.has(key)) return;
    if (rules.size < MAX_RULES) rules.set(key, rule);
    else dropped.some = true;
  };
  /** `holds`: the answer rests on what this call gave. */
  const walk = ({ bodies }: ExplainedCall, holds: boolean): void => {
    for (const body of bodies) {
      const succeeded = body.successes > 0;
      if (!succeeded) add(failed, failedRule(body));
      else if (holds) add(decided, holdingRule(body));
      walkLiterals(body.literals, holds && succeeded);
    }
  };
  const walkLiterals = (literals: readonly ExplainedLiteral[], holds: boolean): void => {
    for (const literal of literals) {
      for (const inner of literal.calls) walk(inner, holds && literal.succeeded);
      walkLiterals(literal.inner, holds);
    }
  };
  if (call !== undefined) walk(call, true);
  // A function may hold for one argument and fail for others.
  for (const key of decided.keys()) failed.delete(key);
  return {
    decided: [...decided.values()],
    failed: [...failed.values()],
    ...(dropped.some ? { truncated: true } : {}),
  };
}

function placeOf({ place: { text, location } }: ExplainedBody): RulePlace {
  return { rule: `data.${text}`, module: location.file, line: location.row, column: location.col };
}

function holdingRule(body: ExplainedBody): HoldingRule {
  const text = body.values.length === 0 ? undefined : stringify(body.values[0]);
  return {
    ...placeOf(body),
    ...(body.place.isDefault ? { isDefault: true } : {}),
    ...(text === undefined || text.length > MAX_VALUE_LENGTH ? {} : { value: JSON.parse(text) as unknown }),
  };
}

function failedRule(body: ExplainedBody): FailedRule {
  const literal = body.literals.findLast(({ succeeded }) => !succeeded);
  if (literal === undefined) return placeOf(body);
  const { text, location } = literal.place;
  const cut = text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
  return { ...placeOf(body), at: { line: location.row, column: location.col, text: cut } };
}
