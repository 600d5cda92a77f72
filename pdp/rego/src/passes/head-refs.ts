import type { Expr, Rule, Term, VarTerm } from '../ast.ts';
import { isScalar } from '../parser/head.ts';
import { NO_WITHS } from '../parser/state.ts';
import type { UniqueNames } from './scope.ts';
import { appendToBody } from './transform.ts';

/** Makes a head's path absolute, with nothing but constants and variables in it: `p[input.x]` is `p[@0]` where `@0 = input.x`. */
export const rewriteHeadRef = (rule: Rule, packagePath: readonly string[], names: UniqueNames): Rule => {
  const { ref } = rule.head;
  const { location } = ref;
  const equations: Expr[] = [];
  const path = ref.path.map((part): Term => {
    if (part.kind === 'var' || isScalar(part)) return part;
    const local: VarTerm = { kind: 'var', name: names.fresh(), location: part.location };
    equations.push(equation(local, part));
    return local;
  });
  const [root] = ref.head.kind === 'var' ? [ref.head.name] : [];
  const absolute = [...packagePath, root ?? ''].map((value): Term => ({ kind: 'string', value, location }));
  const changed = equations.length > 0;
  return {
    ...rule,
    head: {
      ...rule.head,
      rule: changed && rule.head.rule === 'complete' ? 'object' : rule.head.rule,
      ref: { ...ref, head: { kind: 'var', name: 'data', location }, path: [...absolute, ...path] },
    },
    body: appendToBody(rule.body, equations),
  };
};

const equation = (local: VarTerm, value: Term): Expr => ({
  kind: 'expr',
  term: {
    kind: 'call',
    operator: ['eq'],
    target: 'builtin',
    args: [local, value],
    infix: true,
    location: value.location,
  },
  negated: false,
  with: NO_WITHS,
  location: value.location,
  generated: true,
});
