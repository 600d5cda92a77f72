import type { Body, Expr, RefTerm, Term } from '../ast.ts';

/** Built-ins that never fail. */
export const SAFE_BUILTINS: ReadonlySet<string> = new Set([
  'eq',
  'equal',
  'neq',
  'lt',
  'lte',
  'gt',
  'gte',
  'internal.member_2',
  'internal.member_3',
  'is_array',
  'is_boolean',
  'is_null',
  'is_number',
  'is_object',
  'is_set',
  'is_string',
]);

/** True for literals that only succeed or fail: nothing in them is an error, a conflict, or seen from outside. */
export const isCostless = (expr: Expr, isVirtual: (ref: RefTerm) => boolean): boolean => {
  const inBody = (body: Body): boolean => body.every((inner) => isCostless(inner, isVirtual));
  const inTerm = (term: Term): boolean => {
    switch (term.kind) {
      case 'null':
      case 'boolean':
      case 'number':
      case 'string':
      case 'var':
        return true;
      case 'ref':
        return !isVirtual(groundPart(term)) && inTerm(term.head) && term.path.every(inTerm);
      case 'array':
      case 'set':
        return term.items.every(inTerm);
      case 'object':
        return term.entries.flat().every(inTerm);
      case 'array-comprehension':
      case 'set-comprehension':
        return inBody(term.body);
      case 'call':
        return term.target === 'builtin' && SAFE_BUILTINS.has(term.operator.join('.')) && term.args.every(inTerm);
      case 'object-comprehension':
      case 'template-string':
        return false;
      default:
        return term satisfies never;
    }
  };
  const { term } = expr;
  // Modifiers may not merge with what they replace.
  if (expr.with.length > 0) return false;
  switch (term.kind) {
    case 'some':
      return true;
    case 'every':
      return inTerm(term.domain) && inBody(term.body);
    case 'not-body':
      return inBody(term.body);
    case 'and':
    case 'or':
      return inBody(term.left) && inBody(term.right);
    default:
      return inTerm(term);
  }
};

const groundPart = (ref: RefTerm): RefTerm => {
  const end = ref.path.findIndex((part) => part.kind === 'var');
  return end < 0 ? ref : { ...ref, path: ref.path.slice(0, end) };
};
