import type { Rule, Term } from '../ast.ts';
import { NO_WITHS } from '../parser/state.ts';
import { safetyFilter, varsOfBody, varsOfTerm } from './vars.ts';
import { headTerms } from './walk.ts';

/** Names that OPA's own passes give to variables. */
const OPA_GENERATED = /^__local/;

/**
 * Whether a head needs a variable that nothing binds and that is called like OPA's own (`__local0__`). OPA takes such a
 * variable for its own, so that it loads the rule, which then never has a value. It is how compiled policies look
 * when they are printed and read again. Any other unbound variable is an error, found by the safety check.
 */
export const needsUnboundGenerated = (rule: Rule): boolean => {
  const used = new Set<string>();
  for (const term of headTerms(rule)) varsOfTerm(term, safetyFilter, used);
  const generated = [...used].filter((name) => OPA_GENERATED.test(name));
  if (generated.length === 0) return false;
  const known = new Set<string>();
  varsOfBody(rule.body, safetyFilter, known);
  for (const arg of rule.head.args ?? []) varsOfTerm(arg, {}, known);
  return generated.some((name) => !known.has(name));
};

/** The same rule without a value: its body ends false, and what its head cannot have is the input, for that may be anything. */
export const neverDefined = <R extends Rule>(rule: R): R => {
  const { head, location } = rule;
  const nothing: Term = { kind: 'ref', head: { kind: 'var', name: 'input', location }, path: [], location };
  const none: Term = { kind: 'null', location };
  return {
    ...rule,
    head: {
      ...head,
      ref: { ...head.ref, path: head.ref.path.map((part) => (part.kind === 'var' ? none : part)) },
      key: head.key && nothing,
      value: head.value && nothing,
    },
    body: [
      ...rule.body,
      {
        kind: 'expr',
        term: { kind: 'boolean', value: false, location },
        negated: false,
        with: NO_WITHS,
        location,
        generated: true,
      },
    ],
  };
};
