import type { CallTerm, Rule } from '../ast.ts';
import { walkBody, walkTerm } from './vars.ts';
import { forEachExpr, forEachExprInTerm, headTerms } from './walk.ts';

/** What a rule holds that some passes have work with; most rules hold none of it. */
export interface Features {
  readonly templates: boolean;
  readonly print: boolean;
  readonly withs: boolean;
}

/** Looks through a rule, its `else` chain apart. */
export const featuresOf = (rule: Rule): Features => {
  const found = { templates: false, print: false, withs: false };
  const inTerm = (term: Parameters<Parameters<typeof walkTerm>[1]>[0]): boolean => {
    if (term.kind === 'template-string') found.templates = true;
    else if (term.kind === 'call' && isPrint(term)) found.print = true;
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

const isPrint = ({ operator }: CallTerm): boolean => operator.length === 1 && operator[0] === 'print';
