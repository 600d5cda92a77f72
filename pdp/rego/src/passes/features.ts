import type { CallTerm, Rule } from '../ast.ts';
import { declaration } from '../types/builtins.ts';
import { walkBody, walkTerm } from './vars.ts';
import { forEachExpr, forEachExprInTerm, headTerms } from './walk.ts';

/** What a rule holds that some passes have work with; most rules hold none of it. */
export interface Features {
  readonly templates: boolean;
  /** Calls without a result: `print` and the like. */
  readonly voids: boolean;
  readonly metadata: boolean;
  readonly withs: boolean;
}

/** Looks through a rule, its `else` chain apart. */
export const featuresOf = (rule: Rule): Features => {
  const found = { templates: false, voids: false, metadata: false, withs: false };
  const inTerm = (term: Parameters<Parameters<typeof walkTerm>[1]>[0]): boolean => {
    if (term.kind === 'template-string') found.templates = true;
    else if (term.kind === 'call') {
      if (isMetadataCall(term)) found.metadata = true;
      else if (declaration(term.operator.join('.'))?.void === true) found.voids = true;
    }
    return true;
  };
  for (const term of headTerms(rule)) walkTerm(term, inTerm);
  walkBody(rule.body, inTerm);
  const inExpr = ({ with: withs }: { readonly with: readonly unknown[] }): void => {
    if (withs.length > 0) found.withs = true;
  };
  for (const term of headTerms(rule)) forEachExprInTerm(term, inExpr);
  forEachExpr(rule.body, inExpr);
  return found;
};

/** Whether a call asks for annotations. */
export const isMetadataCall = ({ operator }: CallTerm): boolean =>
  operator.length === 3 &&
  operator[0] === 'rego' &&
  operator[1] === 'metadata' &&
  (operator[2] === 'chain' || operator[2] === 'rule');
