import type { Body, Expr, ExprTerm, Term, With } from '../ast.ts';

/**
 * What a pass makes of the parts of a tree. It goes on below by calling {@link mapTermParts} or {@link mapExprParts} with
 * itself. What it gives back unchanged is shared between the tree before and the tree after.
 */
export interface Mapper {
  term(term: Term): Term;
  body(body: Body): Body;
  expr(expr: Expr): Expr;
  /** What `with` names; without it that stays as it is. */
  withTarget?(target: Term): Term;
}

/** A node with other parts; the node itself where every part is what it was. */
export const update = <T extends object>(node: T, parts: Partial<T>): T => {
  for (const key in parts) if (parts[key] !== node[key]) return { ...node, ...parts };
  return node;
};

/** Maps the items of a list; the list itself where every item stays what it was. */
export const mapList = <T>(list: readonly T[], map: (item: T, index: number) => T): readonly T[] => {
  let mapped: T[] | undefined;
  let index = 0;
  for (const item of list) {
    const result = map(item, index);
    if (result !== item) {
      mapped ??= list.slice();
      mapped[index] = result;
    }
    index++;
  }
  return mapped ?? list;
};

type Entry = readonly [key: Term, value: Term];

/** Maps the keys and values of an object's entries, as {@link mapList} does. */
export const mapEntries = (
  entries: readonly Entry[],
  mapKey: (key: Term) => Term,
  mapValue: (value: Term) => Term,
): readonly Entry[] =>
  mapList(entries, (entry) => {
    const [key, value] = entry;
    const [newKey, newValue] = [mapKey(key), mapValue(value)];
    return newKey === key && newValue === value ? entry : [newKey, newValue];
  });

/** Maps the direct parts of a term. Heads of comprehensions come in front of their bodies. */
export const mapTermParts = (term: Term, mapper: Mapper): Term => {
  const map = (part: Term): Term => mapper.term(part);
  switch (term.kind) {
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
    case 'var':
      return term;
    case 'ref':
      return update(term, { head: map(term.head), path: mapList(term.path, map) });
    case 'array':
    case 'set':
      return update(term, { items: mapList(term.items, map) });
    case 'object':
      return update(term, { entries: mapEntries(term.entries, map, map) });
    case 'array-comprehension':
    case 'set-comprehension':
      return update(term, { term: map(term.term), body: mapper.body(term.body) });
    case 'object-comprehension':
      return update(term, { key: map(term.key), value: map(term.value), body: mapper.body(term.body) });
    case 'call':
      return update(term, { args: mapList(term.args, map) });
    case 'template-string':
      return update(term, {
        parts: mapList(term.parts, (part) => {
          if (typeof part === 'string') return part;
          return part.kind === 'expr' ? mapper.expr(part) : map(part);
        }),
      });
    default:
      return term satisfies never;
  }
};

/** Maps the direct parts of a literal. The variables that `every` binds stay as they are. */
export const mapExprParts = (expr: Expr, mapper: Mapper): Expr =>
  update(expr, { term: mapExprTerm(expr.term, mapper), with: mapWiths(expr.with, mapper) });

/** Maps what `with`s say. */
export const mapWiths = (withs: readonly With[], mapper: Mapper): readonly With[] =>
  mapList(withs, (w) => update(w, { target: mapper.withTarget?.(w.target) ?? w.target, value: mapper.term(w.value) }));

const mapExprTerm = (term: ExprTerm, mapper: Mapper): ExprTerm => {
  switch (term.kind) {
    case 'some':
      return update(term, { symbols: mapList(term.symbols, (symbol) => mapper.term(symbol)) });
    case 'every':
      return update(term, { domain: mapper.term(term.domain), body: mapper.body(term.body) });
    case 'not-body':
      return update(term, { body: mapper.body(term.body) });
    case 'and':
    case 'or':
      return update(term, { left: mapper.body(term.left), right: mapper.body(term.right) });
    default:
      return mapper.term(term);
  }
};

/** What a pass does at the nodes that it cares about; children have been mapped before. */
export interface Transform {
  readonly term?: (term: Term) => Term;
  readonly body?: (body: Body) => Body;
}

class TransformMapper implements Mapper {
  readonly #transform: Transform;

  constructor(transform: Transform) {
    this.#transform = transform;
  }

  term(term: Term): Term {
    const mapped = mapTermParts(term, this);
    return this.#transform.term?.(mapped) ?? mapped;
  }

  body(body: Body): Body {
    const mapped = mapList(body, (expr) => mapExprParts(expr, this));
    return this.#transform.body?.(mapped) ?? mapped;
  }

  expr(expr: Expr): Expr {
    return mapExprParts(expr, this);
  }
}

/** Maps the children of a term, then the term itself. What stays equal is shared. */
export const mapTerm = (term: Term, transform: Transform): Term => new TransformMapper(transform).term(term);

/** Maps every expression of a body, then the body itself. What stays equal is shared. */
export const mapBody = (body: Body, transform: Transform): Body => new TransformMapper(transform).body(body);

/**
 * True for the body that the parser supplies where none is written: `true`. As in OPA its modifiers do not count; but
 * `not true` stays what it is, which OPA takes for `true` here.
 */
const isEmptyBody = (body: Body): boolean => {
  const [only] = body;
  return body.length === 1 && only?.term.kind === 'boolean' && only.term.value && !only.negated;
};

/** A body with more expressions; a lone `true` gives way to them. */
export const appendToBody = (body: Body, more: readonly Expr[]): Body => {
  if (more.length === 0) return body;
  return isEmptyBody(body) ? more : [...body, ...more];
};
