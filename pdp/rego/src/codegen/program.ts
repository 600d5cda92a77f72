import type { Term } from '../ast.ts';
import { printTerm } from '../print.ts';
import type { Block, Entrypoint, Group, LocalId, Operand, Plan, RuleBody } from '../plan/ir.ts';
import { placeName, type PlacePart } from '../plan/documents.ts';
import { Risks } from '../plan/risk.ts';
import { findDependence, type Dependence } from '../plan/dependence.ts';
import { BlockWriter } from './block.ts';
import type { ProgramNames } from './block-context.ts';
import { indexRules } from './rule-index.ts';
import { findFeed } from './unique-keys.ts';
import { Pool } from './constants.ts';
import { quote } from './names.ts';
import { TreeWriter } from './trees.ts';
import { countUses } from './used-locals.ts';
import { Writer } from './writer.ts';

/** What generated code takes from its runtime argument. */
const runtimeNames =
  'U, admits, admitsKey, anyKeysOf, anyValuesOf, baseIndex, baseMember, compare, documentKeys, equals, force, getIndex, isCollection, isMember, isSet, keyOf, keysOf, lazyDocument, lookUp, mergeBase, ' +
  'newObject, newParts, newSet, probe, put, rulesFor, setPath, sizeOf, splitPart, stepInto, valuesOf, walk, walkBase';

export interface GeneratedProgram {
  readonly code: string;
  /** Names of the built-ins that the code can call. */
  readonly builtins: readonly string[];
}

/** Writes the JavaScript of a plan: the body of a function of `rt`. The same plan gives the same text. */
export const generateProgram = (plan: Plan, replacedData: readonly (readonly string[])[]): GeneratedProgram =>
  new ProgramWriter(plan, replacedData).write();

class ProgramWriter {
  readonly #plan: Plan;
  readonly #replacedData: readonly (readonly string[])[];
  readonly #pool = new Pool();
  readonly #names: ProgramNames;
  readonly #dependence: Dependence;
  readonly #trees: TreeWriter;
  readonly #risks: Risks;
  /** Functions of single rules. */
  readonly #ruleFunctions = new Writer();

  constructor(plan: Plan, replacedData: readonly (readonly string[])[]) {
    this.#plan = plan;
    this.#replacedData = replacedData;
    this.#dependence = findDependence(plan, replacedData);
    const pool = this.#pool;
    this.#risks = new Risks(plan);
    this.#trees = new TreeWriter(plan, replacedData, pool, (path) => this.#base(path));
    this.#names = {
      pool,
      group: (id) => {
        const constant = plan.groups[id]?.constant;
        return constant === undefined ? `d${String(id)}()` : pool.constant(constant);
      },
      restricted: (id, count) => `q${String(id)}_${String(count)}`,
      call: (id) => (plan.groups[id]?.memoized === true ? `f${String(id)}` : `g${String(id)}`),
      tree: (id) => `t${String(id)}()`,
      lazy: (id) => `lazyDocument(n${String(id)}, ${this.#trees.baseOf(plan.trees[id])})`,
      base: (path) => this.#base(path),
      isFixedBase: (path) => this.#isFixedBase(path),
      builtinSlot: (name) => this.#slot(name),
      groupSlot: (id) => this.#slot(placeName(['data', ...(plan.groups[id]?.path ?? [])])),
      slotArity: (slot) => this.#slotArity(slot),
      riskOf: (block) => this.#risks.afterSuccess(block),
      overrideData: (path, value) => this.#overrideData(path, value),
    };
  }

  write(): GeneratedProgram {
    const body = new Writer();
    for (const group of this.#plan.groups) this.#group(body, group);
    for (const tree of this.#plan.trees) this.#trees.document(body, tree);
    for (const entrypoint of this.#plan.entrypoints) this.#entrypoint(body, entrypoint);
    const lazy = new Writer();
    this.#trees.nodes(lazy);

    const out = new Writer();
    out.line(`'use strict';`);
    out.line(`const { ${runtimeNames} } = rt;`);
    out.line('const C = rt.context;');
    for (const line of this.#pool.lines()) out.line(line);
    const { hasWith } = this.#dependence;
    out.line(`let I, D, ${hasWith ? 'M, ' : ''}E = 0, S = 0;`);
    out.line('const stop = () => { S = C.more(S); };');
    out.line('const conflict = (site) => { throw rt.conflict(sites.at(site)); };');
    out.line(`const end = () => { I = D = ${hasWith ? 'M = ' : ''}undefined; C.forget(); };`);
    this.#slots(out);
    if (hasWith) this.#frame(out);
    const entries = this.#plan.entrypoints.map((e, index) => `[${quote(e.name)}, start_${String(index)}]`).join(', ');
    const end = new Writer();
    end.line(`const entrypoints = new Map([${entries}]);`);
    end.block(
      'return {',
      () => {
        end.line('sites,');
        end.line('entrypoints,');
        end.line('end,');
        end.line('left() { return S; },');
        end.line('spend(steps) { if ((S -= steps) < 0) stop(); },');
      },
      '};',
    );
    const code = [out, this.#ruleFunctions, body, lazy, end].flatMap((part) => part.chunks).join('');
    return { code, builtins: this.#pool.builtinNames };
  }

  #slot(name: string): number | undefined {
    const index = this.#plan.replaceable.indexOf(name);
    return index < 0 ? undefined : index;
  }

  #slotArity(slot: number): number {
    const name = this.#plan.replaceable[slot];
    const group = this.#plan.groups.find((g) => placeName(['data', ...g.path]) === name);
    // Built-ins take what they are given: no built-in has more arguments.
    return group?.params.length ?? 10;
  }

  #isFixedBase(path: readonly string[]): boolean {
    return !this.#replacedData.some((target) => target.every((part, i) => i >= path.length || part === path[i]));
  }

  #base(path: readonly string[]): string {
    if (this.#isFixedBase(path)) return this.#pool.base(path);
    return path.length === 0 ? 'D' : `walkBase(D, ${this.#pool.path(path)}, M.p)`;
  }

  /** Every document at or below a replaced path is what the replacement says. */
  #overrideData(path: readonly string[], value: string): readonly string[] {
    const lines: string[] = [];
    for (const group of this.#plan.groups) {
      if (group.kind === 'function' || !path.every((part, index) => part === group.path[index])) continue;
      if (path.length > group.path.length) continue;
      const rest = group.path.slice(path.length);
      const part = rest.length === 0 ? value : `walk(${value}, ${this.#pool.path(rest)})`;
      lines.push(`M.m${String(group.id)} = ${part}; M.r${String(group.id)} = true;`);
    }
    const target = this.#pool.path(path);
    lines.push(`M.p = M.p === undefined ? [${target}] : [...M.p, ${target}];`);
    for (const tree of this.#plan.trees) {
      if (path.every((part, index) => part === tree.path[index])) lines.push(`M.t${String(tree.id)} = true;`);
    }
    return lines;
  }

  /**
   * The memory of what no `with` changes: a variable for the value, and one for the evaluation (a number that only
   * rises) that computed it, so that an evaluation starts with nothing to clear.
   */
  #slots(out: Writer): void {
    for (const group of this.#plan.groups) {
      if (this.#isChangeable(group)) continue;
      const id = String(group.id);
      if (group.kind !== 'function' && group.constant === undefined) out.line(`let m${id}, E${id} = 0;`);
      if (group.memoized) out.line(`let H${id}, G${id} = 0;`);
      for (const count of group.restrictions.keys()) {
        const name = `${id}_${String(count)}`;
        out.line(`let H${name}, G${name} = 0;`);
      }
    }
  }

  #isChangeable(group: Group): boolean {
    return this.#dependence.changeable.has(group.id);
  }

  /** Statements that keep the value of a document and leave its function. */
  #keep(group: Group, value: string): string {
    const id = String(group.id);
    return this.#isChangeable(group) ? `return M.m${id} = ${value};` : `E${id} = E; return m${id} = ${value};`;
  }

  /** The statement that declares `cache`: a Map of results by key. `name` is a group, or a group and a number of keys. */
  #cache(group: Group, name: string): string {
    if (this.#isChangeable(group)) return `const cache = (M.h${name} ??= new Map());`;
    return `const cache = G${name} === E ? H${name} : (G${name} = E, H${name} = new Map());`;
  }

  /** The memory of what some `with` changes: of one evaluation, and of every `with` inside it. */
  #frame(out: Writer): void {
    const groups = this.#plan.groups.filter((group) => this.#isChangeable(group));
    const replacedTrees = this.#plan.trees.filter((tree) => this.#trees.isReplaced(tree));
    out.block('class Frame {', () => {
      out.block('constructor() {', () => {
        for (const group of groups) {
          const id = String(group.id);
          if (group.kind !== 'function' && group.constant === undefined) out.line(`this.m${id} = U;`);
          if (group.replaced) out.line(`this.r${id} = false;`);
          if (group.memoized) out.line(`this.h${id} = undefined;`);
          for (const count of group.restrictions.keys()) out.line(`this.h${id}_${String(count)} = undefined;`);
        }
        for (const tree of replacedTrees) out.line(`this.t${String(tree.id)} = false;`);
        out.line('this.p = undefined;');
        this.#plan.replaceable.forEach((_, slot) => {
          out.line(`this.o${String(slot)} = undefined;`);
        });
      });
      out.block('bare() {', () => {
        out.line('const n = new Frame();');
        for (const group of groups) {
          const id = String(group.id);
          if (group.replaced && group.kind !== 'function')
            out.line(`if (this.r${id}) { n.m${id} = this.m${id}; n.r${id} = true; }`);
        }
        for (const tree of replacedTrees) out.line(`n.t${String(tree.id)} = this.t${String(tree.id)};`);
        out.line('n.p = this.p;');
        out.line('return n;');
      });
      out.block('next() {', () => {
        out.line('const n = this.bare();');
        this.#plan.replaceable.forEach((_, slot) => {
          out.line(`n.o${String(slot)} = this.o${String(slot)};`);
        });
        out.line('return n;');
      });
    });
  }

  #group(out: Writer, group: Group): void {
    if (group.constant !== undefined) {
      // Asked for by its own function only where documents are enumerated.
      out.line(`function d${String(group.id)}() { return ${this.#pool.constant(group.constant)}; }`);
      return;
    }
    const id = String(group.id);
    const params = group.params.map((local) => `l${String(local)}`).join(', ');
    switch (group.kind) {
      case 'complete':
        out.block(`function g${id}() {`, () => {
          out.line('if (--S < 0) stop();');
          this.#told(out, () => {
            this.#value(out, group, (value) => this.#keep(group, value));
          });
        });
        break;
      case 'function':
        out.block(`function g${id}(${params}) {`, () => {
          out.line('if (--S < 0) stop();');
          this.#told(out, () => {
            this.#value(out, group, (value) => `return ${value};`);
          });
        });
        if (group.memoized) this.#memo(out, group, params);
        return;
      case 'set':
      case 'object':
        out.block(`function g${id}() {`, () => {
          out.line('if (--S < 0) stop();');
          this.#told(out, () => {
            this.#parts(out, group, { name: id, rules: group.rules, params: [] }, (value) => this.#keep(group, value));
          });
        });
        for (const [count, restriction] of [...group.restrictions].sort(([a], [b]) => a - b)) {
          const name = `${id}_${String(count)}`;
          const keys = restriction.params.map((local) => `l${String(local)}`);
          out.block(`function q${name}(${keys.join(', ')}) {`, () => {
            out.line(
              this.#isChangeable(group) ? `if (M.m${id} !== U) return M.m${id};` : `if (E${id} === E) return m${id};`,
            );
            out.line('if (--S < 0) stop();');
            out.line(this.#cache(group, name));
            out.line(`const key = keyOf(${keys.length === 1 ? (keys[0] ?? '') : `[${keys.join(', ')}]`});`);
            out.line('const known = cache.get(key);');
            out.line('if (known !== undefined) return known;');
            this.#told(out, () => {
              this.#parts(
                out,
                group,
                { name, ...restriction },
                (value) => `const found = ${value}; cache.set(key, found); return found;`,
              );
            });
          });
        }
        break;
      default:
        group.kind satisfies never;
    }
    out.line(
      this.#isChangeable(group)
        ? `function d${id}() { const m = M.m${id}; return m === U ? g${id}() : m; }`
        : `function d${id}() { return E${id} === E ? m${id} : g${id}(); }`,
    );
  }

  /** In an instrumented program a document tells when its evaluation starts, and when it ends, whichever way. */
  #told(out: Writer, write: () => void): void {
    if (!this.#plan.instrumented) {
      write();
      return;
    }
    out.line(`rt.trace(-1, 'call', [], I);`);
    out.block('try {', write, `} finally { rt.trace(-1, 'return', [], I); }`);
  }

  #memo(out: Writer, group: Group, params: string): void {
    const id = String(group.id);
    out.block(`function f${id}(${params}) {`, () => {
      out.line(this.#cache(group, id));
      out.line(`const key = ${group.params.length === 1 ? `keyOf(${params})` : `keyOf([${params}])`};`);
      out.line('const known = cache.get(key);');
      out.line('if (known !== undefined || cache.has(key)) return known;');
      out.line(`const value = g${id}(${params});`);
      out.line('cache.set(key, value);');
      out.line('return value;');
    });
  }

  /** The body of a complete rule or function. `done` leaves the function with a value. */
  #value(out: Writer, group: Group, done: (value: string) => string): void {
    const blocks = this.#blockWriter(
      out,
      group.fallback === undefined ? group.rules : [...group.rules, [group.fallback]],
      group.params.length > 0,
    );
    const bodies = group.rules.flat();
    const common = sameConstant(bodies);
    out.line('let v;');
    const exits = common ? [] : group.exits;
    if (exits.length > 0) this.#exits(out, blocks, exits);
    const own = { name: String(group.id), rules: group.rules, params: group.params };
    const settles = common ? 'v !== undefined' : exits.length > 0 ? 'q && v !== undefined' : undefined;
    this.#eachChain(out, blocks, own, settles, done, (writer, inner, chain, index, leave) => {
      const chainLabel = `C${String(index)}`;
      writer.block(`${chainLabel}: {`, () => {
        chain.forEach((body, position) => {
          const label = `B${String(index)}_${String(position)}`;
          const last = position === chain.length - 1;
          const found = `h${String(index)}_${String(position)}`;
          const site = String(this.#conflictSite(group, body));
          // OPA goes on behind the first success: what goes wrong there counts, even if the value is the same.
          const risk = body.many ? 'conflict' : this.#risks.afterSuccess(body.block);
          const leaves = risk === 'none';
          if (!leaves && !last) writer.line(`let ${found} = false;`);
          writer.block(`${label}: {`, () => {
            inner.block(body.block, {
              fail: `break ${label};`,
              succeed: '',
              ordered: false,
              result: (w, value) => {
                if (common) {
                  w.line(leave(value));
                  return;
                }
                const first = index === 0 && !body.many;
                if (first) w.line(`v = ${value};`);
                else {
                  const text = /^\w+$/.test(value) ? value : 'w';
                  if (text === 'w') w.line(`const w = ${value};`);
                  w.line(`if (v === undefined) v = ${text}; else if (!equals(v, ${text})) conflict(${site});`);
                }
                if (exits.length > 0 && writer === out) w.line(`if (q) { ${leave('v')} }`);
                if (!leaves && !last) w.line(`${found} = true;`);
                if (risk !== 'conflict') w.line(`${leaves ? '' : 'if (!C.isStrict) '}break ${chainLabel};`);
              },
            });
          });
          if (!leaves && !last) writer.line(`if (${found}) break ${chainLabel};`);
        });
      });
    });
    const { fallback } = group;
    if (fallback !== undefined) {
      out.block('F: if (v === undefined) {', () => {
        blocks.block(fallback.block, {
          fail: 'break F;',
          succeed: '',
          ordered: false,
          result: (w, value) => w.line(`v = ${value};`),
        });
      });
    }
    out.line(done('v'));
  }

  /** Finds out whether the rules that an index admits have one value, so that the first that succeeds settles it. */
  #exits(out: Writer, blocks: BlockWriter, exits: Group['exits']): void {
    out.line('let q = false;');
    exits.forEach((others, n) => {
      const label = `Q${String(n)}`;
      out.block(`${label}: {`, () => {
        others.forEach((block, m) => {
          const inner = `${label}_${String(m)}`;
          out.block(`${inner}: {`, () => {
            blocks.block(block, { fail: `break ${inner};`, succeed: `break ${label};`, ordered: false });
          });
        });
        out.line('q = true;');
      });
    });
  }

  #conflictSite(group: Group, body: RuleBody): number {
    const path = ['data', ...group.path].map(refPart).join('');
    const message =
      group.kind === 'function'
        ? `function ${path} produced conflicting values for the same inputs`
        : `rule ${path} produced conflicting values`;
    return this.#pool.site({ message, location: body.location });
  }

  /**
   * Writes rules one behind the other, or, where an index tells which of them can succeed, as functions of their own that
   * are given the value so far and give it back: V8 does not optimise functions with hundreds of rules.
   */
  #eachChain(
    out: Writer,
    blocks: BlockWriter,
    group: GroupRules,
    settles: string | undefined,
    done: (value: string) => string,
    write: ChainWriter,
  ): void {
    const { name, rules, params } = group;
    const index = this.#plan.instrumented
      ? undefined
      : indexRules(rules, params, (builtin) => this.#slot(builtin) !== undefined);
    if (index === undefined) {
      rules.forEach((chain, number) => {
        write(out, blocks, chain, number, done);
      });
      return;
    }
    const locals = params.map((local) => `l${String(local)}`);
    rules.forEach((chain, number) => {
      const w = this.#ruleFunctions;
      w.block(`function r${name}_${String(number)}(${['v', ...locals].join(', ')}) {`, () => {
        write(w, this.#blockWriter(w, [chain], params.length > 0), chain, number, (value) => `return ${value};`);
        w.line('return v;');
      });
    });
    this.#ruleFunctions.line(
      `const F${name} = [${rules.map((_, number) => `r${name}_${String(number)}`).join(', ')}];`,
    );
    const table = this.#pool.ruleTable(index);
    out.line(`const rules = rulesFor(${table}, ${blocks.operand(index.by)});`);
    out.block('for (let r = 0; r < rules.length; r++) {', () => {
      out.line(`v = F${name}[rules[r]](${['v', ...locals].join(', ')});`);
      // All have the same value: the first that succeeds settles it.
      if (settles !== undefined) out.block(`if (${settles}) {`, () => out.line(done('v')));
    });
  }

  /** The body of a partial rule, or of one under given keys. */
  #parts(out: Writer, group: Group, own: GroupRules, done: (value: string) => string): void {
    const { rules } = own;
    const blocks = this.#blockWriter(out, rules, own.params.length > 0);
    const flat = rules
      .flat()
      .every((body) => partsOf(body.block).every((p) => p.path.length === 1 && p.leaf === 'value'));
    const isUnique =
      rules.length === 1 &&
      rules.flat().length === 1 &&
      rules.flat().every((body) => findFeed(body.block)?.by === 'key');
    const start = group.kind === 'set' ? 'newSet()' : flat ? '{}' : 'newParts()';
    out.line(`let v = ${start};`);
    this.#eachChain(out, blocks, own, undefined, done, (writer, inner, chain, index) => {
      const chainLabel = `C${String(index)}`;
      writer.block(`${chainLabel}: {`, () => {
        chain.forEach((body, position) => {
          const label = `B${String(index)}_${String(position)}`;
          const last = position === chain.length - 1;
          if (!last) writer.line(`let h${String(index)}_${String(position)} = false;`);
          writer.block(`${label}: {`, () => {
            inner.block(body.block, {
              fail: `break ${label};`,
              succeed: '',
              ordered: false,
              part: (w, step, path, value) => {
                if (group.kind === 'set') w.line(`v.${isUnique ? 'addNew' : 'add'}(${value});`);
                else {
                  const site = this.#pool.site({ message: 'object keys must be unique', location: step.location });
                  if (flat) w.line(`v = put(v, ${path[0] ?? ''}, ${value}, ${String(site)});`);
                  else
                    w.line(
                      `v.${step.leaf === 'value' ? 'put' : 'add'}([${path.join(', ')}], ${value}, ${String(site)});`,
                    );
                }
                if (!last) w.line(`h${String(index)}_${String(position)} = true;`);
              },
            });
          });
          if (!last) writer.line(`if (h${String(index)}_${String(position)}) break ${chainLabel};`);
        });
      });
    });
    out.line(done(group.kind === 'set' || flat ? 'v' : 'v.value()'));
  }

  #blockWriter(out: Writer, rules: readonly (readonly RuleBody[])[], isRepeated: boolean): BlockWriter {
    const uses = new Map<LocalId, number>();
    for (const body of rules.flat()) countUses(body.block, uses);
    return new BlockWriter(out, this.#names, uses, isRepeated);
  }

  /** An entry point: `start_…` begins an evaluation, and forgets its input where that does not throw. */
  #entrypoint(out: Writer, entrypoint: Entrypoint): void {
    const index = String(this.#plan.entrypoints.indexOf(entrypoint));
    const uses = new Map<LocalId, number>();
    countUses(entrypoint.block, uses);
    const blocks = new BlockWriter(out, this.#names, uses);
    out.block(`function e_${index}() {`, () => {
      blocks.block(entrypoint.block, {
        fail: 'return undefined;',
        succeed: '',
        ordered: false,
        result: (w, value) => {
          w.line(`return ${value};`);
        },
      });
    });
    out.block(`function start_${index}(input, data, steps) {`, () => {
      out.line(`I = input; D = data; S = steps; E++;${this.#dependence.hasWith ? ' M = new Frame();' : ''}`);
      out.line(`const v = e_${index}();`);
      out.line('end();');
      out.line('return v;');
    });
  }
}

/** A part of a ref as Rego prints it: `.name`, or `["other"]`. */
const refPart = (part: PlacePart, index: number): string => {
  if (typeof part !== 'string') return `[${printTerm(part)}]`;
  if (index === 0) return part;
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`;
};

/** True if every body has the same constant value: the first that succeeds settles it. */
const sameConstant = (bodies: readonly RuleBody[]): boolean => {
  const text = (term: Term | undefined): string | undefined =>
    term === undefined
      ? undefined
      : JSON.stringify(term, (key, value: unknown) => (key === 'location' ? undefined : value));
  const first = text(bodies[0]?.constant);
  return first !== undefined && bodies.every((body) => text(body.constant) === first);
};

/** The rules of a group, or those under given keys; `name` is unique among them. */
interface GroupRules {
  readonly name: string;
  readonly rules: readonly (readonly RuleBody[])[];
  readonly params: readonly LocalId[];
}

/** Writes one rule and its `else`s; `leave` gives the statements that leave the function with a value. */
type ChainWriter = (
  writer: Writer,
  blocks: BlockWriter,
  chain: readonly RuleBody[],
  index: number,
  leave: (value: string) => string,
) => void;

interface PartShape {
  readonly path: readonly Operand[];
  readonly leaf: 'value' | 'member';
}

const partsOf = (block: Block): readonly PartShape[] =>
  block.flatMap((step): readonly PartShape[] => {
    switch (step.kind) {
      case 'part':
        return [step];
      case 'scan':
        return partsOf(step.body);
      case 'with':
        return partsOf(step.rest);
      default:
        return [];
    }
  });
