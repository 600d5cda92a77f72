import type { Head, Term } from '../ast.ts';
import type { CompileUnit, ResolvedRule } from '../passes/unit.ts';
import type { ArityOf } from '../passes/safety.ts';
import { BodyLowering } from './body.ts';
import { chainOf } from '../passes/walk.ts';
import { printTerm } from '../print.ts';
import { isConstant } from '../types/constant.ts';
import { Locals } from './pattern.ts';
import { admissionSteps, admitRules, type Admissions } from './rule-admission.ts';
import {
  basePath,
  bodiesOfUnit,
  findReplacements,
  isGroup,
  outlineDocuments,
  placeName,
  type Documents,
  type GroupOutline,
  type PlacePart,
} from './documents.ts';
import type { PlanContext } from './context.ts';
import { findFixed } from './fixed.ts';
import { repeats } from './risk.ts';
import type { TracePlaces } from '../trace/places.ts';
import type { Block, Entrypoint, Group, LocalId, Operand, Plan, Restriction, RuleBody, Step, Tree } from './ir.ts';
import type { Body } from '../ast.ts';

/** What the plan has to know of built-ins. */
export interface BuiltinFacts {
  readonly arityOf: ArityOf;
  readonly isRelation: (name: string) => boolean;
  readonly isVoid: (name: string) => boolean;
}

/** A query to plan beside the entry points: every row of bindings is one value. */
export interface QueryOutline {
  readonly name: string;
  readonly body: Body;
  /** The vars whose values make a row, as they are called in the body. */
  readonly vars: readonly string[];
  /** The query as written. */
  readonly text: string;
}

/** An entry point whose path is given by its parts, which may hold slashes. */
export interface EntrypointOutline {
  readonly name: string;
  readonly path: readonly string[];
}

/**
 * Lowers a checked unit, whose bodies are expanded and ordered, to a plan. Entry points are slash paths below `data`. With
 * `trace` the plan is instrumented: it tells of the places that it takes from there.
 */
export const planUnit = (
  unit: CompileUnit,
  entrypoints: readonly (string | EntrypointOutline)[],
  facts: BuiltinFacts,
  queries: readonly QueryOutline[] = [],
  trace?: TracePlaces,
): Plan => {
  const documents = outlineDocuments(unit.ruleTree);
  const bodies = [...bodiesOfUnit(unit), ...queries.map((query) => query.body)];
  // Who wants to know why a rule does not hold wants to see it tried.
  const admissions = trace === undefined ? documents.groups.map(({ rules }) => admitRules(rules, unit.ruleTree)) : [];
  return new Planner(documents, bodies, facts, admissions, trace).plan(entrypoints, queries);
};

class Planner {
  readonly #documents: Documents;
  readonly #context: PlanContext;
  /** Restrictions that some body asks for, by group. */
  readonly #restrictions = new Map<number, Set<number>>();
  readonly #calls = new Map<number, { readonly count: number; readonly repeats: boolean }>();
  /** True while what may be computed several times in one evaluation is lowered. */
  #inFunction = false;

  /** By group: what an index does with rules in which something can go wrong. */
  readonly #admissions: readonly Admissions[];

  constructor(
    documents: Documents,
    bodies: readonly Body[],
    facts: BuiltinFacts,
    admissions: readonly Admissions[],
    trace: TracePlaces | undefined,
  ) {
    this.#documents = documents;
    this.#admissions = admissions;
    const replacements = findReplacements(bodies);
    // An instrumented program tells of every evaluation.
    const fixed = trace === undefined ? findFixed(documents, replacements) : new Set<number>();
    this.#context = {
      documents,
      replacements,
      isFixed: (group) => fixed.has(group.id),
      ...facts,
      trace,
      onRestriction: (group, keys) => {
        const wanted = this.#restrictions.get(group);
        if (wanted === undefined) this.#restrictions.set(group, new Set([keys]));
        else wanted.add(keys);
      },
      onCall: (group, turns) => {
        const calls = this.#calls.get(group) ?? { count: 0, repeats: false };
        // A document is computed once: each member that it goes through is another argument, as good as always.
        const repeats = turns === 'many' || (turns === 'each-member' && this.#inFunction);
        this.#calls.set(group, { count: calls.count + 1, repeats: calls.repeats || repeats });
      },
    };
  }

  plan(entrypoints: readonly (string | EntrypointOutline)[], queries: readonly QueryOutline[]): Plan {
    const asked = entrypoints.map((entry) =>
      this.#entrypoint(
        typeof entry === 'string' ? { name: entry, path: entry.split('/').filter((part) => part !== '') } : entry,
      ),
    );
    asked.push(...queries.map((query) => this.#query(query)));
    const lowered = this.#documents.groups.map((outline) => this.#group(outline));
    // Bodies ask for restrictions while they are lowered, those of restrictions included: go on until nothing is new.
    const restrictions = lowered.map(() => new Map<number, Restriction>());
    for (let changed = true; changed;) {
      changed = false;
      for (const [id, wanted] of [...this.#restrictions]) {
        const outline = this.#documents.groups[id];
        const done = restrictions[id];
        if (outline === undefined || done === undefined) continue;
        for (const keys of [...wanted]) {
          if (done.has(keys)) continue;
          done.set(keys, this.#restriction(outline, keys));
          changed = true;
        }
      }
    }
    const groups = lowered.map((group, id): Group => {
      const calls = this.#calls.get(id);
      return {
        ...group,
        restrictions: restrictions[id] ?? new Map<number, Restriction>(),
        memoized:
          group.kind === 'function' && calls !== undefined && (calls.count > 1 || calls.repeats) && isCostly(group),
      };
    });
    return {
      groups,
      trees: this.#documents.trees.map((tree): Tree => ({
        id: tree.id,
        path: tree.path,
        base: basePath(tree.path),
        children: [...tree.children.values()].map((child) => ({
          key: child.part,
          hidden: child.hidden,
          target: isGroup(child.target)
            ? { kind: 'group', group: child.target.id }
            : { kind: 'tree', tree: child.target.id },
        })),
      })),
      entrypoints: asked,
      replaceable: this.#context.replacements.functions,
      instrumented: this.#context.trace !== undefined,
    };
  }

  #entrypoint({ name, path }: EntrypointOutline): Entrypoint {
    const location = { file: '', row: 0, col: 0, start: 0, end: 0 };
    const ref: Term = {
      kind: 'ref',
      head: { kind: 'var', name: 'data', location },
      path: path.map((value): Term => ({ kind: 'string', value, location })),
      location,
    };
    const block: Step[] = [];
    const body = new BodyLowering(this.#context, new Locals(), block, new Map(), 0);
    body.add({ kind: 'result', value: body.value(ref) });
    return { name, block };
  }

  #query(query: QueryOutline): Entrypoint {
    const block: Step[] = [];
    const locals = new Locals();
    const rows = locals.fresh(false);
    const rowsBlock: Step[] = [];
    const body = new BodyLowering(this.#context, locals, rowsBlock, new Map(), 0);
    const { trace } = this.#context;
    if (trace === undefined) body.body(query.body);
    else {
      const place = trace.query(query.text);
      body.add({ kind: 'trace', event: 'enter', place, values: [] });
      trace.inside(place, () => {
        body.body(query.body);
      });
      body.add({ kind: 'trace', event: 'exit', place, values: [] });
    }
    const values = query.vars.map((name): Operand => body.bound.get(name) ?? { kind: 'constant', term: nullTerm });
    body.add({ kind: 'yield', local: rows, key: undefined, value: { kind: 'array', items: values } });
    block.push({ kind: 'collect', into: 'array', local: rows, body: rowsBlock, location: nullTerm.location });
    block.push({ kind: 'result', value: { kind: 'local', id: rows } });
    return { name: query.name, block };
  }

  #group(outline: GroupOutline): Omit<Group, 'restrictions' | 'memoized'> {
    const locals = new Locals();
    const params: LocalId[] = [];
    for (let i = 0; i < outline.arity; i++) params.push(locals.fresh(false));
    this.#inFunction = params.length > 0;
    const rules = outline.rules.map((rule) => this.#chain(rule, (r) => this.#ruleBody(outline, r, locals, params, [])));
    const fallback =
      outline.fallback === undefined ? undefined : this.#ruleBody(outline, outline.fallback, locals, params, []);
    const replaced = this.#context.replacements.data.some((target) => startsWith(outline.path, target));
    const only = outline.rules[0];
    const constant =
      !replaced &&
      this.#context.trace === undefined &&
      outline.kind === 'complete' &&
      outline.rules.length === 1 &&
      only !== undefined
        ? constantRule(only)
        : undefined;
    const repeating = new Set(
      outline.rules.flatMap((rule, index) =>
        [...chainOf(rule)].flatMap(({ id }, position) => {
          const body = rules[index]?.[position];
          return body !== undefined && repeats(body.block) ? [id] : [];
        }),
      ),
    );
    const worthwhile = (this.#admissions[outline.id]?.exits ?? []).filter(
      (exit) => exit.isWorthwhile || [...exit.rules].some((id) => repeating.has(id)),
    );
    const exits = worthwhile.map(({ others }) =>
      others.map((admission): Block => [...admissionSteps(admission, params), { kind: 'succeed' }]),
    );
    return {
      id: outline.id,
      path: outline.path,
      kind: outline.kind,
      params,
      rules,
      fallback,
      exits,
      constant,
      replaced,
    };
  }

  #chain(rule: ResolvedRule, lower: (rule: ResolvedRule) => RuleBody): readonly RuleBody[] {
    const chain: RuleBody[] = [];
    for (let r: ResolvedRule | undefined = rule; r !== undefined; r = r.else) chain.push(lower(r));
    return chain;
  }

  /** One body: first the arguments or known keys, then the literals, then what the head says. */
  #ruleBody(
    outline: GroupOutline,
    rule: ResolvedRule,
    locals: Locals,
    params: readonly LocalId[],
    keys: readonly LocalId[],
  ): RuleBody {
    const block: Block & Step[] = [];
    const body = new BodyLowering(this.#context, locals, block, new Map(), 0);
    const { head } = rule;
    const { trace } = this.#context;
    const place = trace?.rule(rule, placeName(outline.path));
    if (place !== undefined) {
      const values = params.map((id, index): TracedValue => [argumentName(head, index), { kind: 'local', id }]);
      body.add({ kind: 'trace', event: 'enter', place, values });
    }
    params.forEach((local, index) => {
      const arg = head.args?.[index];
      if (arg !== undefined) body.unify(body.prepare(arg), { kind: 'local', id: local });
    });
    const admission = this.#admissions[outline.id]?.rules.get(rule.id);
    if (admission !== undefined) for (const step of admissionSteps(admission, params)) body.add(step);
    const path = head.ref.path.slice(outline.path.length);
    const keyTerms = head.rule === 'set' && head.key !== undefined ? [...path, head.key] : path;
    keys.forEach((local, index) => {
      const term = keyTerms[index];
      if (term !== undefined) body.unify(body.prepare(term), { kind: 'local', id: local });
    });
    if (trace === undefined || place === undefined) body.body(rule.body);
    else {
      trace.inside(place, () => {
        body.body(rule.body);
      });
    }
    const single = outline.kind === 'complete' || outline.kind === 'function';
    const value = head.rule === 'set' ? head.key : head.value;
    if (value === undefined) throw new Error('a rule has a value');
    const operand = body.value(value);
    if (place !== undefined) {
      const told = tellValue(operand, single ? [] : path.map((part) => body.value(part)), head);
      body.add({ kind: 'trace', event: 'exit', place, values: [['', told]] });
    }
    if (single) body.add({ kind: 'result', value: operand });
    else {
      const at = path.map((part) => body.value(part));
      const leaf = head.rule === 'set' ? 'member' : 'value';
      body.add({ kind: 'part', path: at, leaf, value: operand, location: head.location });
    }
    return {
      block,
      constant: operand.kind === 'constant' ? operand.term : undefined,
      many: body.many && varies(operand, locals),
      location: rule.location,
    };
  }

  #restriction(outline: GroupOutline, count: number): Restriction {
    const locals = new Locals();
    const params: LocalId[] = [];
    for (let i = 0; i < count; i++) params.push(locals.fresh(false));
    this.#inFunction = true;
    const rules = outline.rules.map((rule) => this.#chain(rule, (r) => this.#ruleBody(outline, r, locals, [], params)));
    return { params, rules };
  }
}

type TracedValue = readonly [name: string, value: Operand];

const argumentName = (head: Head, index: number): string => {
  const arg = head.args?.[index];
  return arg === undefined ? '' : printTerm(arg);
};

/** What a rule gives, as users think of it: a member of a set as a set, a member of an object as an object. */
const tellValue = (operand: Operand, path: readonly Operand[], head: Head): Operand =>
  path.reduceRight<Operand>(
    (inner, key) => ({ kind: 'object', entries: [[key, inner]] }),
    head.rule === 'set' ? { kind: 'set', items: [operand] } : operand,
  );

const nullTerm: Term = { kind: 'null', location: { file: '', row: 0, col: 0, start: 0, end: 0 } };

const startsWith = (path: readonly PlacePart[], prefix: readonly string[]): boolean =>
  prefix.length <= path.length && prefix.every((part, index) => part === path[index]);

const varies = (operand: Operand, locals: Locals): boolean => {
  switch (operand.kind) {
    case 'constant':
      return false;
    case 'local':
      return locals.varying.has(operand.id);
    case 'array':
    case 'set':
      return operand.items.some((item) => varies(item, locals));
    case 'object':
      return operand.entries.some(([key, value]) => varies(key, locals) || varies(value, locals));
    default:
      return true;
  }
};

const constantRule = (rule: ResolvedRule): Term | undefined => {
  const head: Head = rule.head;
  const [only] = rule.body;
  if (rule.else !== undefined || head.value === undefined || !isConstant(head.value)) return undefined;
  const isTrue = rule.body.length === 0 || (rule.body.length === 1 && only?.term.kind === 'boolean' && only.term.value);
  return isTrue && only?.negated !== true && (only?.with.length ?? 0) === 0 ? head.value : undefined;
};

/** True if calling a function again costs more than looking its result up. */
const isCostly = (group: Pick<Group, 'rules'>): boolean =>
  group.rules.flat().some((body) => body.block.some(isCostlyStep));

const isCostlyStep = (step: Step): boolean => {
  switch (step.kind) {
    case 'scan':
    case 'collect':
    case 'every':
    case 'with':
      return true;
    case 'not':
      return step.body.some(isCostlyStep);
    case 'either':
      return step.blocks.some((block) => block.some(isCostlyStep));
    case 'bind':
    case 'test':
      return step.value.kind === 'call';
    default:
      return false;
  }
};
