import type { Body, CallTerm, Expr, Rule, Term } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { LimitExceeded, MAX_LITERALS } from '../limits.ts';
import { isEquation, isGenerated, isTerm } from './expand.ts';
import { unify } from './safety-unify.ts';
import { mapEntries, mapList, mapTerm, update } from './transform.ts';
import { reservedVars, safetyFilter, varsOfBody, varsOfExpr, varsOfTerm, type VarFilter } from './vars.ts';
import { holdsBody, walkExpr } from './walk.ts';

/** How many arguments a call's function declares; undefined for one that is not known. */
export type ArityOf = (call: CallTerm) => number | undefined;

type Names = Set<string>;

/** A rule, its `else` chain included, whose bodies are in an order that can be evaluated from left to right. */
export interface SafetyResult<T> {
  readonly value: T;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Checks that the heads of a rule and of its `else` chain use no var that the body does not bind, then puts the
 * literals of every body, closures included, into the order in which their inputs are bound (OPA's order exactly:
 * every literal as early as it is safe, ties as written). What cannot be ordered is a `rego_unsafe_var_error`.
 */
export const orderRule = <R extends Rule>(rule: R, arityOf: ArityOf, scopeOf: ScopeOf = noScope): SafetyResult<R> => {
  const diagnostics: Diagnostic[] = [];
  const value = order(rule, arityOf, scopeOf, diagnostics);
  return { value, diagnostics };
};

/** What is added to the message of a problem in a rule: its name, where the place alone does not tell. */
export type ScopeOf = (rule: Rule) => string;

const noScope: ScopeOf = () => '';

const order = <R extends Rule>(rule: R, arityOf: ArityOf, scopeOf: ScopeOf, diagnostics: Diagnostic[]): R => {
  const safe: Names = new Set(reservedVars);
  for (const arg of rule.head.args ?? []) varsOfTerm(arg, {}, safe);
  const ordered = orderBody(rule.body, safe, arityOf);
  if (ordered.unsafe.size > 0) diagnostics.push(...describeUnsafe(ordered.unsafe, scopeOf(rule)));
  const otherwise = rule.else === undefined ? undefined : order(rule.else, arityOf, scopeOf, diagnostics);
  return update<Rule>(rule, { body: ordered.body, else: otherwise }) as R;
};

/** The vars of the heads of a rule and its `else` chain that neither the arguments nor the body mention. */
export const checkHeads = (rule: Rule, scopeOf: ScopeOf = noScope): readonly Diagnostic[] => {
  const known: Names = new Set(reservedVars);
  varsOfBody(rule.body, safetyFilter, known);
  for (const arg of rule.head.args ?? []) varsOfTerm(arg, {}, known);
  const diagnostics: Diagnostic[] = [];
  const reported: Names = new Set();
  const check = (term: Term | undefined): void => {
    if (term === undefined) return;
    mapTerm(term, {
      term: (t) => {
        if (t.kind === 'var' && !known.has(t.name) && !reported.has(t.name)) {
          reported.add(t.name);
          const name = t.original ?? t.name;
          if (!isGenerated(name)) diagnostics.push(unsafeVar(name, t.location, scopeOf(rule)));
        }
        return t;
      },
    });
  };
  for (const part of rule.head.ref.path) check(part);
  check(rule.head.key);
  check(rule.head.value);
  if (rule.else !== undefined) diagnostics.push(...checkHeads(rule.else, scopeOf));
  return diagnostics;
};

const unsafeVar = (name: string, location: Location, scope: string): Diagnostic => ({
  code: 'rego_unsafe_var_error',
  message: `var ${name} is unsafe${scope}${unimported.has(name) ? hint(name) : ''}`,
  location,
});

/** Keywords that a module without the import of them reads as vars. */
const unimported: ReadonlySet<string> = new Set(['in', 'every', 'contains', 'if', 'not', 'and', 'or']);

const hint = (name: string): string => ` (hint: \`import future.keywords.${name}\` to import a future keyword)`;

interface UnsafeVar {
  readonly name: string;
  readonly original: string;
}

interface OrderedBody {
  readonly body: Body;
  readonly unsafe: ReadonlyMap<Expr, readonly UnsafeVar[]>;
}

const orderBody = (body: Body, globals: ReadonlySet<string>, arityOf: ArityOf): OrderedBody => {
  if (body.length > MAX_LITERALS) {
    throw new LimitExceeded(`a body has more than ${MAX_LITERALS} literals`, body[0]?.location);
  }
  const filter: VarFilter = { ...safetyFilter, promote: (inner) => unsafeOperandVars(inner, arityOf) };
  const bodyVars: Names = new Set();
  varsOfBody(body, filter, bodyVars);
  const safe: Names = bodyVars.intersection(globals);
  const unsafe = new Map<Expr, Names>();
  for (const expr of body) {
    const vars: Names = new Set();
    varsOfExpr(expr, filter, vars);
    const missing = vars.difference(safe);
    if (missing.size > 0) unsafe.set(expr, missing);
  }
  const closures = new Map<Expr, Names>();
  for (const expr of body) {
    if (holdsBody(expr)) closures.set(expr, closureVars(expr).intersection(bodyVars).difference(globals));
  }

  const reordered = reorder(body, { safe, unsafe, closures }, arityOf);

  const problems = new Map<Expr, readonly UnsafeVar[]>();
  for (const [expr, names] of unsafe) problems.set(expr, withOriginals(names, expr));
  const known: Names = new Set(globals);
  const result = mapList(reordered, (expr, index) => {
    if (closures.size === 0) return expr;
    const previous = reordered[index - 1];
    if (previous !== undefined) varsOfExpr(previous, filter, known);
    return closures.has(expr) ? orderClosures(expr, known, arityOf, problems) : expr;
  });
  // What could not be ordered stays in the body: it is never evaluated, but later checks may look at it.
  const changed = unsafe.size === 0 && !result.every((expr, index) => expr === body[index]);
  return { body: changed ? result : body, unsafe: problems };
};

interface Ordering {
  /** The vars that have values. */
  readonly safe: Names;
  /** What each literal lacks. */
  readonly unsafe: Map<Expr, Names>;
  /** The vars that a literal's bodies close over. */
  readonly closures: ReadonlyMap<Expr, Names>;
}

/**
 * The literals that can be ordered. `safe` and `unsafe` are changed: what stays in `unsafe` has no place. The outcome is
 * that of going through the body until a turn adds nothing; a literal is only looked at again when more of its vars have
 * values.
 */
const reorder = (body: Body, { safe, unsafe, closures }: Ordering, arityOf: ArityOf): Expr[] => {
  const reordered: Expr[] = [];
  /** Literals in the new order that have vars without values all the same: they may still bind some. */
  const loose: Expr[] = [];
  const waiting = new Map<string, Expr[]>();
  for (const expr of body) {
    const vars: Names = new Set();
    varsOfExpr(expr, {}, vars);
    for (const name of vars.difference(safe)) {
      const known = waiting.get(name);
      if (known === undefined) waiting.set(name, [expr]);
      else known.push(expr);
    }
  }
  const done = new Set<Expr>();
  const open = new Set(body);
  for (let before = -1; reordered.length > before;) {
    before = reordered.length;
    for (const expr of body) {
      if (done.has(expr) || (loose.length === 0 && !open.has(expr))) continue;
      open.delete(expr);
      const outputs = outputVars(expr, arityOf, safe);
      const closed = closures.get(expr);
      if (closed !== undefined && closed.size > 0) {
        const bound = loose.length === 0 ? new Set<string>() : outputVarsOfBody(loose, arityOf, safe);
        // A literal may close over vars only once what has been ordered before it binds them. As in OPA, `bound` lacks
        // what is safe, so that a literal that closes over the very vars in its brackets (`xs[v] > [1 | v]`) is unsafe.
        const missing = closed.difference(bound);
        if (missing.size > 0) {
          if (sameNames(missing, outputs)) continue;
          unsafe.set(expr, missing);
        }
      }
      const missing = unsafe.get(expr);
      if (missing !== undefined) {
        for (const name of missing) if (outputs.has(name) || safe.has(name)) missing.delete(name);
        if (missing.size > 0) continue;
        unsafe.delete(expr);
      }
      reordered.push(expr);
      done.add(expr);
      for (const name of outputs) {
        if (safe.has(name)) continue;
        safe.add(name);
        for (const one of waiting.get(name) ?? []) open.add(one);
      }
      if (closed !== undefined && !isBound(expr, safe)) loose.push(expr);
    }
  }
  return reordered;
};

const isBound = (expr: Expr, safe: ReadonlySet<string>): boolean => {
  const vars: Names = new Set();
  varsOfExpr(expr, safetyFilter, vars);
  return vars.isSubsetOf(safe);
};

const sameNames = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => a.size === b.size && a.isSubsetOf(b);

/** Orders the bodies inside one expression, whose vars in `known` have values. */
const orderClosures = (
  expr: Expr,
  known: ReadonlySet<string>,
  arityOf: ArityOf,
  problems: Map<Expr, readonly UnsafeVar[]>,
): Expr => {
  const inner = (body: Body, globals: ReadonlySet<string>, heads: readonly Term[]): Body => {
    const headVars: Names = new Set();
    for (const head of heads) varsOfTerm(head, {}, headVars);
    const filter: VarFilter = { ...safetyFilter, promote: (b) => unsafeOperandVars(b, arityOf) };
    const bound: Names = new Set(globals);
    varsOfBody(body, filter, bound);
    const missing = headVars.difference(bound);
    if (missing.size > 0) {
      problems.set(expr, [...(problems.get(expr) ?? []), ...withOriginals(missing, expr)]);
    }
    const ordered = orderBody(body, globals, arityOf);
    for (const [e, names] of ordered.unsafe) problems.set(e, [...(problems.get(e) ?? []), ...names]);
    return ordered.unsafe.size === 0 ? ordered.body : body;
  };
  const closure = (term: Term): Term => {
    switch (term.kind) {
      case 'array-comprehension':
      case 'set-comprehension':
        return update(term, { body: inner(term.body, known, [term.term]) });
      case 'object-comprehension':
        return update(term, { body: inner(term.body, known, [term.key, term.value]) });
      case 'ref':
        return update(term, { head: closure(term.head), path: mapList(term.path, closure) });
      case 'array':
      case 'set':
        return update(term, { items: mapList(term.items, closure) });
      case 'object':
        return update(term, { entries: mapEntries(term.entries, closure, closure) });
      case 'call':
        return update(term, { args: mapList(term.args, closure) });
      case 'template-string':
      case 'null':
      case 'boolean':
      case 'number':
      case 'string':
      case 'var':
        return term;
      default:
        return term satisfies never;
    }
  };
  const { term } = expr;
  const withs = mapList(expr.with, (w) => update(w, { value: closure(w.value) }));
  switch (term.kind) {
    case 'every': {
      const globals: Names = new Set(known);
      if (term.key !== undefined) varsOfTerm(term.key, {}, globals);
      varsOfTerm(term.value, {}, globals);
      return update(expr, { with: withs, term: update(term, { body: inner(term.body, globals, []) }) });
    }
    case 'not-body':
      return update(expr, { with: withs, term: update(term, { body: inner(term.body, known, []) }) });
    case 'and':
    case 'or':
      return update(expr, {
        with: withs,
        term: update(term, { left: inner(term.left, known, []), right: inner(term.right, known, []) }),
      });
    case 'some':
      return expr;
    default:
      return update(expr, { with: withs, term: closure(term) });
  }
};

/** Vars of the bodies that an expression closes over, and of comprehension heads. */
const closureVars = (expr: Expr): Names => {
  const vars: Names = new Set();
  const { term } = expr;
  switch (term.kind) {
    case 'every':
      varsOfBody(term.body, {}, vars);
      return vars;
    case 'not-body':
      varsOfBody(term.body, {}, vars);
      return vars;
    case 'and':
    case 'or':
      varsOfBody(term.left, {}, vars);
      varsOfBody(term.right, {}, vars);
      return vars;
    default:
      walkExpr(expr, (t) => {
        if (t.kind !== 'array-comprehension' && t.kind !== 'set-comprehension' && t.kind !== 'object-comprehension') {
          return true;
        }
        varsOfTerm(t, {}, vars);
        return false;
      });
      return vars;
  }
};

/** The vars that an expression binds, given the vars that are bound. */
const outputVars = (expr: Expr, arityOf: ArityOf, safe: ReadonlySet<string>): Names => {
  if (expr.negated) return new Set();
  for (const w of expr.with) {
    const inputs: Names = new Set();
    varsOfExpr({ ...expr, term: { kind: 'null', location: expr.location }, with: [w] }, safetyFilter, inputs);
    if (!inputs.isSubsetOf(safe)) return new Set();
  }
  const { term } = expr;
  switch (term.kind) {
    case 'template-string':
    case 'some':
    case 'and':
    case 'or':
    case 'not-body':
      return new Set();
    case 'every':
      return outputsOfRefs([term.domain], safe);
    case 'call':
      return isEquation(term) ? outputsOfEquation(expr, term, safe) : outputsOfCall(term, arityOf, safe);
    default:
      return outputsOfRefs([term], safe);
  }
};

/** The vars that a body binds besides `safe`. */
export const outputVarsOfBody = (body: Body, arityOf: ArityOf, safe: ReadonlySet<string>): Names => {
  const known: Names = new Set(safe);
  for (const expr of body) for (const name of outputVars(expr, arityOf, known)) known.add(name);
  return known.difference(safe);
};

const outputsOfEquation = (expr: Expr, call: CallTerm, safe: ReadonlySet<string>): Names => {
  const [left, right] = call.args;
  if (left === undefined || right === undefined || call.args.length !== 2) return new Set(safe);
  const basis = outputsOfRefs(call.args, safe);
  const own: Names = new Set();
  for (const arg of call.args) varsOfTerm(arg, {}, own);
  for (const name of own) if (safe.has(name)) basis.add(name);
  if (isAssignment(expr)) {
    // The left of `:=` is output only: the right is never made safe through it.
    const targets: Names = new Set();
    varsOfTerm(left, {}, targets);
    for (const name of targets) basis.delete(name);
  }
  return basis.union(unify(basis, left, right)).difference(safe);
};

const isAssignment = (expr: Expr): boolean => (expr as { readonly assignment?: boolean }).assignment === true;

const outputsOfCall = (call: CallTerm, arityOf: ArityOf, safe: ReadonlySet<string>): Names => {
  const arity = arityOf(call);
  if (arity === undefined) return new Set();
  const outputs = outputsOfRefs(call.args, safe);
  if (arity >= call.args.length) return outputs;
  const filter: VarFilter = { skipClosures: true, skipSets: true, skipObjectKeys: true, skipRefHead: true };
  const inputs: Names = new Set();
  for (const arg of call.args.slice(0, arity)) varsOfTerm(arg, filter, inputs);
  if (!inputs.difference(outputs).isSubsetOf(safe)) return new Set();
  for (const arg of call.args.slice(arity)) varsOfTerm(arg, filter, outputs);
  return outputs;
};

/** Vars in the brackets of refs whose head is safe: evaluating the ref binds them. */
const outputsOfRefs = (terms: readonly Term[], safe: ReadonlySet<string>): Names => {
  const outputs: Names = new Set();
  const visit = (term: Term): void => {
    switch (term.kind) {
      case 'ref': {
        const inputs: Names = new Set();
        varsOfTerm(term.head, safetyFilter, inputs);
        if (!inputs.isSubsetOf(safe)) return;
        for (const part of term.path) varsOfTerm(part, { skipRefHead: true }, outputs);
        visit(term.head);
        for (const part of term.path) visit(part);
        return;
      }
      case 'array':
      case 'set':
        for (const item of term.items) visit(item);
        return;
      case 'object':
        for (const [key, value] of term.entries) {
          visit(key);
          visit(value);
        }
        return;
      case 'call':
        for (const arg of term.args) visit(arg);
        return;
      default:
    }
  };
  for (const term of terms) visit(term);
  return outputs;
};

/**
 * Vars of an operand without braces (of `and`, `or`, `not`) that it does not bind for itself: every var of a lone
 * literal; of several (a pass made them from one), those without a binding and those that occur in one only.
 */
const unsafeOperandVars = (body: Body, arityOf: ArityOf): Names => {
  const occurrences = new Map<string, number>();
  for (const expr of body) {
    const vars: Names = new Set();
    varsOfExpr(expr, safetyFilter, vars);
    for (const name of vars) occurrences.set(name, (occurrences.get(name) ?? 0) + 1);
  }
  if (body.length === 1) return new Set(occurrences.keys());
  const equations = body.filter((e) => e.term.kind === 'call' && isEquation(e.term));
  const safe: Names = new Set([...reservedVars, ...occurrences.keys()]);
  for (const { term } of equations) {
    if (term.kind === 'call') for (const arg of term.args) if (arg.kind === 'var') safe.delete(arg.name);
  }
  const bound: Names = new Set();
  for (let changed = true; changed;) {
    changed = false;
    for (const expr of equations) {
      if (expr.term.kind !== 'call') continue;
      for (const name of outputsOfEquation(expr, expr.term, safe)) {
        if (bound.has(name)) continue;
        bound.add(name);
        safe.add(name);
        changed = true;
      }
    }
  }
  for (const { term } of body) {
    if (term.kind !== 'call' || isEquation(term)) continue;
    const arity = arityOf(term);
    if (arity === undefined) continue;
    const filter: VarFilter = { skipClosures: true, skipSets: true, skipObjectKeys: true, skipRefHead: true };
    for (const arg of term.args.slice(arity)) varsOfTerm(arg, filter, bound);
  }
  const result: Names = new Set();
  for (const [name, count] of occurrences) if (!bound.has(name) || count === 1) result.add(name);
  return result;
};

const withOriginals = (names: ReadonlySet<string>, expr: Expr): readonly UnsafeVar[] => {
  const originals = new Map<string, string>();
  walkExpr(expr, (t) => {
    if (t.kind === 'var' && t.original !== undefined) originals.set(t.name, t.original);
    return true;
  });
  return [...names].map((name) => ({ name, original: originals.get(name) ?? name }));
};

/** Names the unsafe vars that a user wrote; where there are none, points at the expressions. */
const describeUnsafe = (unsafe: ReadonlyMap<Expr, readonly UnsafeVar[]>, scope: string): readonly Diagnostic[] => {
  const first = new Map<string, { readonly original: string; readonly location: Location }>();
  const targets: Names = new Set();
  for (const [expr, vars] of unsafe) {
    if (isAssignment(expr) && isTerm(expr.term) && expr.term.kind === 'call' && expr.term.args[0] !== undefined) {
      varsOfTerm(expr.term.args[0], {}, targets);
    }
    for (const { name, original } of vars) {
      const known = first.get(name);
      if (known === undefined || compareLocations(expr.location, known.location) < 0) {
        first.set(name, { original, location: expr.location });
      }
    }
  }
  const written = [...first].filter(([, v]) => !isGenerated(v.original));
  // The target of an assignment is unsafe because of what it is assigned from; that is what users want named.
  const causes = written.filter(([name]) => !targets.has(name));
  const shown = (causes.length > 0 ? causes : written).map(([, v]) => unsafeVar(v.original, v.location, scope));
  if (shown.length > 0) return shown.sort((a, b) => compareLocations(a.location, b.location));
  const seen: Names = new Set();
  const diagnostics: Diagnostic[] = [];
  for (const [expr, vars] of [...unsafe].sort((a, b) => compareLocations(a[0].location, b[0].location))) {
    const before = seen.size;
    for (const { name } of vars) seen.add(name);
    if (seen.size > before) {
      diagnostics.push({
        code: 'rego_unsafe_var_error',
        message: `expression is unsafe${scope}`,
        location: expr.location,
      });
    }
  }
  return diagnostics;
};

const compareLocations = (a: Location, b: Location): number =>
  a.file === b.file ? a.row - b.row || a.col - b.col : a.file < b.file ? -1 : 1;
