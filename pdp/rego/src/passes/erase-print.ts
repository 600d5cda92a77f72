import type { Body } from '../ast.ts';
import { trueBody } from '../parser/state.ts';
import { mapBody, mapTerm, update } from './transform.ts';
import type { ResolvedRule } from './unit.ts';

/** Removes calls of `print` from a rule, its `else` chain apart. A body that held nothing else becomes true. */
export const erasePrint = (rule: ResolvedRule): ResolvedRule => {
  const transform = { body: erase };
  const { head } = rule;
  return update(rule, {
    head: update(head, {
      key: head.key && mapTerm(head.key, transform),
      value: head.value && mapTerm(head.value, transform),
    }),
    body: mapBody(rule.body, transform),
  });
};

const erase = (body: Body): Body => {
  const kept = body.filter(({ term }) => term.kind !== 'call' || term.operator.join('.') !== 'print');
  if (kept.length === body.length) return body;
  const [first] = body;
  return kept.length === 0 && first !== undefined ? trueBody(first.location) : kept;
};
