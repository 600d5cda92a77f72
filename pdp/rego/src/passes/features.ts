import type { CallTerm, Expr, Rule, Term } from '../ast.ts';
import { declaration } from '../types/builtins.ts';
import { descendBody, descendExpr, descendTerm, type Visitor } from './descend.ts';
import { headTerms } from './walk.ts';

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
  const search = new FeatureSearch();
  for (const term of headTerms(rule)) search.term(term);
  descendBody(rule.body, search);
  return search;
};

class FeatureSearch implements Visitor, Features {
  templates = false;
  voids = false;
  metadata = false;
  withs = false;

  term(term: Term): void {
    if (term.kind === 'template-string') this.templates = true;
    else if (term.kind === 'call') {
      if (isMetadataCall(term)) this.metadata = true;
      else if (declaration(term.operator.join('.'))?.void === true) this.voids = true;
    }
    descendTerm(term, this);
  }

  expr(expr: Expr): void {
    if (expr.with.length > 0) this.withs = true;
    descendExpr(expr, this);
  }
}

/** Whether a call asks for annotations. */
export const isMetadataCall = ({ operator }: CallTerm): boolean =>
  operator.length === 3 &&
  operator[0] === 'rego' &&
  operator[1] === 'metadata' &&
  (operator[2] === 'chain' || operator[2] === 'rule');
