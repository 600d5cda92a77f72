import type { Block, LocalId, Operand, Override, Step } from '../plan/ir.ts';
import { primitive, type Pool } from './constants.ts';
import { comparisons, inline, isCondition, type BuiltinOperand } from './builtin-calls.ts';
import { isBase, isDefined, plainChain } from './operand-shapes.ts';
import { findProbe, type Probe } from './probe.ts';
import { hasUniqueKeys } from './unique-keys.ts';
import type { Mark, Writer } from './writer.ts';

/** What a block does where it fails or comes to its end: statements of JavaScript that leave it. */
export interface Exits {
  readonly fail: string;
  readonly succeed: string;
  /** True if the order of successes shows: loops then take members in Rego order, else in any. */
  readonly ordered: boolean;
  /** For the `result` of rules. */
  readonly result?: (writer: Writer, value: string) => void;
  /** For the `part`s of partial rules. */
  readonly part?: (
    writer: Writer,
    step: Extract<Step, { readonly kind: 'part' }>,
    path: readonly string[],
    value: string,
  ) => void;
}

/** What blocks need to know of the program around them. */
export interface ProgramNames {
  readonly pool: Pool;
  /** The expression of a group's whole value. */
  readonly group: (id: number) => string;
  readonly restricted: (id: number, count: number) => string;
  readonly call: (id: number) => string;
  readonly tree: (id: number) => string;
  readonly lazy: (id: number) => string;
  readonly base: (path: readonly string[]) => string;
  /** True for base documents that no `with` replaces, wholly or in part. */
  readonly isFixedBase: (path: readonly string[]) => boolean;
  /** The slot that replaces a built-in or a function, if any `with` does. */
  readonly builtinSlot: (name: string) => number | undefined;
  readonly groupSlot: (id: number) => number | undefined;
  readonly slotArity: (slot: number) => number;
  /** Statements that put replaced documents into the frame. */
  readonly overrideData: (path: readonly string[], value: string) => readonly string[];
}

/** Of terms that stand nowhere in a policy. */
const nowhere = { file: '', row: 0, col: 0, start: 0, end: 0 };

/** Writes the blocks of one generated function. */
export class BlockWriter {
  readonly #out: Writer;
  readonly #names: ProgramNames;
  readonly #used: ReadonlySet<LocalId>;
  #labels = 0;
  #temps = 0;
  /** The loops around what is being written: the places in front of them, outermost first. */
  readonly #loops: Mark[] = [];
  /** In how many `with`s what is being written stands: they change what the input is. */
  #withs = 0;
  /** Sets under construction that never get a member twice. */
  readonly #unique = new Set<LocalId>();
  /** In how many loops a local stands; parameters stand in none. */
  readonly #depths = new Map<LocalId, number>();

  constructor(out: Writer, names: ProgramNames, used: ReadonlySet<LocalId>) {
    this.#out = out;
    this.#names = names;
    this.#used = used;
  }

  label(prefix: string): string {
    return `${prefix}${String(this.#labels++)}`;
  }

  #temp(): string {
    return `x${String(this.#temps++)}`;
  }

  block(block: Block, exits: Exits): void {
    for (const step of block) this.#step(step, exits);
  }

  #step(step: Step, exits: Exits): void {
    const out = this.#out;
    switch (step.kind) {
      case 'bind':
        this.#bind(step.local, step.value, exits.fail);
        return;
      case 'test':
        this.#test(step.value, exits.fail);
        return;
      case 'run':
        out.line(`${this.operand(step.value)};`);
        return;
      case 'equal':
        out.line(`if (!(${this.#equal(step.left, step.right)})) ${exits.fail}`);
        return;
      case 'fail':
        // A condition, so that what follows stays reachable for JavaScript's parser and readers.
        out.line(`if (true) ${exits.fail}`);
        return;
      case 'is-array': {
        const value = this.operand(step.value);
        out.line(`if (!Array.isArray(${value}) || ${value}.length !== ${String(step.length)}) ${exits.fail}`);
        return;
      }
      case 'is-object':
        out.line(`if (sizeOf(${this.operand(step.value)}) !== ${String(step.size)}) ${exits.fail}`);
        return;
      case 'scan':
        this.#scan(step, exits);
        return;
      case 'not': {
        const label = this.label('N');
        out.block(`${label}: {`, () => {
          this.block(step.body, { fail: `break ${label};`, succeed: exits.fail, ordered: false });
        });
        return;
      }
      case 'either':
        this.#either(step.blocks, exits);
        return;
      case 'every':
        this.#every(step, exits);
        return;
      case 'collect':
        this.#collect(step);
        return;
      case 'with':
        this.#with(step, exits);
        return;
      case 'succeed':
        out.line(exits.succeed);
        return;
      case 'yield': {
        const local = `l${String(step.local)}`;
        const value = this.operand(step.value);
        if (step.key !== undefined) {
          out.line(`${local} = put(${local}, ${this.operand(step.key)}, ${value}, ${local}s);`);
        } else out.line(`${this.#unique.has(step.local) ? 'addNew' : 'add'}(${local}, ${value});`);
        return;
      }
      case 'result':
        exits.result?.(out, this.operand(step.value));
        return;
      case 'part': {
        const path = step.path.map((part) => this.operand(part));
        exits.part?.(out, step, path, this.operand(step.value));
        return;
      }
      default:
        step satisfies never;
    }
  }

  // Operands

  /** An expression for a value, undefined included; may write statements first. */
  operand(operand: Operand): string {
    switch (operand.kind) {
      case 'local':
        return `l${String(operand.id)}`;
      case 'constant':
        return this.#names.pool.constant(operand.term);
      case 'input':
        return 'I';
      case 'base':
        return this.#names.base(operand.path);
      case 'group':
        return this.#names.group(operand.group);
      case 'restricted':
        return `${this.#names.restricted(operand.group, operand.keys.length)}(${operand.keys.map((key) => this.operand(key)).join(', ')})`;
      case 'tree':
        return this.#names.tree(operand.tree);
      case 'lazy':
        return this.#names.lazy(operand.tree);
      case 'force':
        return `force(${this.operand(operand.of)})`;
      case 'member':
        return this.#member(operand);
      case 'array':
        return `[${operand.items.map((item) => this.operand(item)).join(', ')}]`;
      case 'set':
        return `newSet([${operand.items.map((item) => this.operand(item)).join(', ')}])`;
      case 'object':
        return this.#object(operand.entries);
      case 'builtin':
        return this.#builtin(operand);
      case 'call': {
        const args = operand.args.map((arg) => this.operand(arg)).join(', ');
        const slot = this.#names.groupSlot(operand.group);
        const call = `${this.#names.call(operand.group)}(${args})`;
        return slot === undefined ? call : `(M.o${String(slot)} === undefined ? ${call} : M.o${String(slot)}(${args}))`;
      }
      default:
        return operand satisfies never;
    }
  }

  #object(entries: readonly (readonly [Operand, Operand])[]): string {
    if (entries.every(([key]) => key.kind === 'constant' && key.term.kind === 'string')) {
      return `{${entries.map(([key, value]) => `[${this.operand(key)}]: ${this.operand(value)}`).join(', ')}}`;
    }
    return `newObject([${entries.map(([key, value]) => `[${this.operand(key)}, ${this.operand(value)}]`).join(', ')}])`;
  }

  #member(operand: Extract<Operand, { readonly kind: 'member' }>): string {
    if (operand.document) return `stepInto(${this.operand(operand.of)}, ${this.operand(operand.key)})`;
    const chain = plainChain(operand);
    if (
      chain === undefined &&
      operand.of.kind === 'base' &&
      operand.key.kind !== 'constant' &&
      this.#names.isFixedBase(operand.of.path)
    ) {
      const document = this.operand(operand.of);
      return `lookUp(${this.#names.pool.index(document)}, ${document}, ${this.operand(operand.key)})`;
    }
    if (chain === undefined)
      return `${isBase(operand.of) ? 'baseIndex' : 'getIndex'}(${this.operand(operand.of)}, ${this.operand(operand.key)})`;
    const temp = this.#temp();
    const from = this.#atom(chain.from);
    const lines = [
      `let ${temp} = ${from}${chain.names.map((name) => `?.${name}`).join('')};`,
      `if (${temp} === undefined) ${temp} = walk(${from}, ${this.#names.pool.path(chain.names)});`,
    ];
    // Reading has no effects: what does not change in a loop is read in front of it.
    const loop = this.#isSteady(chain.from) ? this.#loops[this.#depthOf([chain.from])] : undefined;
    for (const line of lines) {
      if (loop === undefined) this.#out.line(line);
      else this.#out.lineAt(loop, line);
    }
    return temp;
  }

  #isSteady(operand: Operand): boolean {
    return operand.kind === 'local' || (operand.kind === 'input' && this.#withs === 0);
  }

  /** An expression that may stand twice. */
  #atom(operand: Operand): string {
    const text = this.operand(operand);
    if (/^[A-Za-z0-9_]+$/.test(text)) return text;
    const temp = this.#temp();
    this.#out.line(`const ${temp} = ${text};`);
    return temp;
  }

  #builtin(operand: BuiltinOperand): string {
    const { temp, site } = this.#builtinCall(operand);
    if (site !== undefined) this.#out.line(`if (${temp} === undefined) C.at(${String(site)});`);
    return temp;
  }

  /** Puts the result of a built-in into a temporary. `site` is where a failure happened, unless it cannot fail. */
  #builtinCall(operand: BuiltinOperand): { readonly temp: string; readonly site: number | undefined } {
    const slot = this.#names.builtinSlot(operand.name);
    if (slot === undefined && isCondition(operand)) return { temp: `(${this.#condition(operand)})`, site: undefined };
    const args = operand.args.map((arg) => this.#atom(arg));
    const site = this.#names.pool.site({ message: operand.name, location: operand.location });
    const temp = this.#temp();
    const call = `${this.#names.pool.builtin(operand.name)}(${['C', ...args].join(', ')})`;
    if (slot !== undefined) {
      this.#out.line(
        `const ${temp} = M.o${String(slot)} === undefined ? ${call} : M.o${String(slot)}(${args.join(', ')});`,
      );
      return { temp, site };
    }
    const simple = inline(operand.name, args, call);
    const loop = simple === undefined ? this.#loops[this.#depthOf(operand.args)] : undefined;
    if (loop === undefined) this.#out.line(`const ${temp} = ${simple ?? call};`);
    else {
      // The arguments do not change in this loop: the first turn that comes here computes the result for all.
      this.#out.lineAt(loop, `let ${temp} = U;`);
      this.#out.line(`if (${temp} === U) ${temp} = ${call};`);
    }
    return { temp, site };
  }

  #stands(local: LocalId): void {
    this.#depths.set(local, this.#loops.length);
  }

  /** The number of loops in which all operands have one value; that of all loops if that is not known. */
  #depthOf(operands: readonly Operand[]): number {
    return operands.reduce((depth, operand) => {
      switch (operand.kind) {
        case 'constant':
        case 'input':
          return depth;
        case 'local':
          return Math.max(depth, this.#depths.get(operand.id) ?? 0);
        case 'array':
        case 'set':
          return Math.max(depth, this.#depthOf(operand.items));
        case 'object':
          return Math.max(depth, this.#depthOf(operand.entries.flat()));
        default:
          return this.#loops.length;
      }
    }, 0);
  }

  /** A boolean expression for a comparison. */
  #condition(operand: BuiltinOperand): string {
    const [left, right] = operand.args;
    if (left === undefined || right === undefined) throw new TypeError('a comparison has two sides');
    if (operand.name === 'internal.member_2') return `isMember(${this.operand(left)}, ${this.operand(right)})`;
    if (operand.name === 'equal') return this.#equal(left, right);
    if (operand.name === 'neq') return `!(${this.#equal(left, right)})`;
    const operator = comparisons[operand.name] ?? '';
    const a = this.#atom(left);
    const b = this.#atom(right);
    return `typeof ${a} === 'number' && typeof ${b} === 'number' ? ${a} ${operator} ${b} : compare(${a}, ${b}) ${operator} 0`;
  }

  #equal(left: Operand, right: Operand): string {
    for (const [constant, other] of [
      [left, right],
      [right, left],
    ] as const) {
      if (constant.kind !== 'constant') continue;
      const literal = primitive(constant.term);
      if (literal === undefined) continue;
      if (constant.term.kind !== 'number') return `${this.operand(other)} === ${literal}`;
      const atom = this.#atom(other);
      return `${atom} === ${literal} || equals(${atom}, ${literal})`;
    }
    const a = this.#atom(left);
    const b = this.#atom(right);
    // Strings are equal only if they are identical.
    return `${a} === ${b} ? ${a} !== undefined : typeof ${a} !== 'string' && equals(${a}, ${b})`;
  }

  // Steps

  #bind(local: LocalId, value: Operand, fail: string): void {
    const out = this.#out;
    const name = `l${String(local)}`;
    this.#stands(local);
    if (value.kind === 'builtin') {
      const { temp, site } = this.#builtinCall(value);
      out.line(`const ${name} = ${temp};`);
      if (site !== undefined) out.line(`if (${name} === undefined) { C.at(${String(site)}); ${fail} }`);
      return;
    }
    const text = this.operand(value);
    out.line(`const ${name} = ${text};`);
    if (!isDefined(value)) out.line(`if (${name} === undefined) ${fail}`);
  }

  #test(value: Operand, fail: string): void {
    const out = this.#out;
    if (value.kind === 'builtin' && isCondition(value) && this.#names.builtinSlot(value.name) === undefined) {
      out.line(`if (!(${this.#condition(value)})) ${fail}`);
      return;
    }
    if (value.kind === 'builtin') {
      const { temp, site } = this.#builtinCall(value);
      out.line(`if (${temp} === undefined) { C.at(${String(site ?? 0)}); ${fail} }`);
      out.line(`if (${temp} === false) ${fail}`);
      return;
    }
    if (value.kind === 'constant') {
      if (value.term.kind === 'boolean' && !value.term.value) out.line(`if (true) ${fail}`);
      return;
    }
    const atom = this.#atom(value);
    out.line(
      isDefined(value) ? `if (${atom} === false) ${fail}` : `if (${atom} === undefined || ${atom} === false) ${fail}`,
    );
  }

  #scan(step: Extract<Step, { readonly kind: 'scan' }>, exits: Exits): void {
    const label = this.label('L');
    const out = this.#out;
    const write = (): void => {
      this.block(step.body, { ...exits, fail: `continue ${label};` });
    };
    const probe = this.#isIndexed(step.over)
      ? findProbe(step, (name) => this.#names.builtinSlot(name) !== undefined)
      : undefined;
    if (probe === undefined) this.#loop(step, label, exits.ordered, write);
    else this.#indexedLoop(step, probe, label, write);
    out.line(exits.fail);
  }

  /** True for collections that never change, or that can be told from those that do. */
  #isIndexed(over: Operand): boolean {
    return over.kind === 'base' || this.#isBaseDocument(over);
  }

  /**
   * A loop over the members of a base document for which an equation holds, by an index that is made when the data is
   * loaded, or at the first use where the document is only known then. Small documents have none.
   */
  #indexedLoop(step: Extract<Step, { readonly kind: 'scan' }>, probe: Probe, label: string, write: () => void): void {
    const out = this.#out;
    const { pool } = this.#names;
    const mark = out.mark();
    const n = label.slice(1);
    const over = this.#atom(step.over);
    const path = pool.constant({ kind: 'array', items: probe.path, location: nowhere });
    const keyUsed = step.key !== undefined && this.#used.has(step.key);
    if (step.over.kind !== 'base') {
      if (keyUsed) out.line(`const c${n} = C.dataKeys(${over});`);
      out.line(`const a${n} = C.dataValues(${over}), ix${n} = C.dataIndex(${over}, a${n}, ${path});`);
    } else {
      const members = pool.members(step.over.path, path);
      if (this.#names.isFixedBase(step.over.path)) {
        if (keyUsed) out.line(`const c${n} = ${members.keys};`);
        out.line(`const a${n} = ${members.values}, ix${n} = ${members.index};`);
      } else {
        // What no `with` has replaced is still the document that was loaded.
        const loaded = `${over} === ${members.document}`;
        if (keyUsed) out.line(`const c${n} = ${loaded} ? ${members.keys} : keysOf(${over});`);
        out.line(`const a${n} = ${loaded} ? ${members.values} : valuesOf(${over});`);
        out.line(`const ix${n} = ${loaded} ? ${members.index} : undefined;`);
      }
    }
    out.line(`let h${n};`);
    out.block(`if (ix${n} !== undefined) {`, () => {
      out.line(`h${n} = probe(ix${n}, ${this.operand(probe.value)});`);
    });
    out.line(`const n${n} = h${n} === undefined ? a${n}.length : h${n}.length;`);
    out.line(`if ((S -= n${n}) < 0) stop();`);
    out.block(`${label}: for (let i${n} = 0; i${n} < n${n}; i${n}++) {`, () => {
      out.line(`const w${n} = h${n} === undefined ? i${n} : h${n}[i${n}];`);
      if (keyUsed) out.line(`const l${String(step.key)} = c${n} === undefined ? w${n} : c${n}[w${n}];`);
      if (step.value !== undefined && this.#used.has(step.value)) {
        out.line(`const l${String(step.value)} = a${n}[w${n}];`);
      }
      this.#loops.push(mark);
      for (const local of [step.key, step.value]) if (local !== undefined) this.#stands(local);
      write();
      this.#loops.pop();
    });
  }

  /** A loop over the members of a collection, in Rego order; nothing for what is no collection. */
  #loop(
    step: {
      readonly over: Operand;
      readonly key: LocalId | undefined;
      readonly value: LocalId | undefined;
      readonly document?: boolean;
      readonly relation?: boolean;
    },
    label: string,
    ordered: boolean,
    write: () => void,
  ): void {
    const mark = this.#out.mark();
    const inside = (): void => {
      this.#loops.push(mark);
      for (const local of [step.key, step.value]) if (local !== undefined) this.#stands(local);
      write();
      this.#loops.pop();
    };
    const out = this.#out;
    const n = label.slice(1);
    const over = this.#atom(step.over);
    const keyUsed = step.key !== undefined && this.#used.has(step.key);
    const valueUsed = step.value !== undefined && this.#used.has(step.value);
    const cached = this.#isBaseDocument(step.over);
    if (step.document === true) {
      out.line(`const a${n} = documentKeys(${over});`);
      out.line(`if ((S -= a${n}.length) < 0) stop();`);
      out.block(`${label}: for (let i${n} = 0; i${n} < a${n}.length; i${n}++) {`, () => {
        const key = `l${String(step.key)}`;
        out.line(`const ${key} = a${n}[i${n}];`);
        out.line(`const l${String(step.value)} = stepInto(${over}, ${key});`);
        out.line(`if (l${String(step.value)} === undefined) continue;`);
        inside();
      });
      return;
    }
    // Keys and values must come in the same order; base documents keep theirs sorted anyway.
    const [keys, values] = this.#scanNames(cached, ordered);
    if (keyUsed) out.line(`const c${n} = ${keys}(${over});`);
    out.line(`const a${n} = ${step.relation === true ? over : `${values}(${over})`};`);
    out.line(`if ((S -= a${n}.length) < 0) stop();`);
    out.block(`${label}: for (let i${n} = 0; i${n} < a${n}.length; i${n}++) {`, () => {
      if (keyUsed) out.line(`const l${String(step.key)} = c${n} === undefined ? i${n} : c${n}[i${n}];`);
      if (valueUsed) out.line(`const l${String(step.value)} = a${n}[i${n}];`);
      inside();
    });
  }

  /** True for a document that is the same in all evaluations: its sorted keys may be kept. */
  #isBaseDocument(operand: Operand): boolean {
    if (operand.kind === 'base') return this.#names.isFixedBase(operand.path);
    return operand.kind === 'member' && !operand.document && this.#isBaseDocument(operand.of);
  }

  #scanNames(cached: boolean, ordered: boolean): readonly [keys: string, values: string] {
    if (cached) return ['C.dataKeys', 'C.dataValues'];
    if (ordered) return ['keysOf', 'valuesOf'];
    return ['anyKeysOf', 'anyValuesOf'];
  }

  #either(blocks: readonly Block[], exits: Exits): void {
    const out = this.#out;
    const label = this.label('E');
    out.block(`${label}: {`, () => {
      for (const block of blocks) {
        const inner = this.label('A');
        out.block(`${inner}: {`, () => {
          this.block(block, { fail: `break ${inner};`, succeed: `break ${label};`, ordered: false });
        });
      }
      out.line(exits.fail);
    });
  }

  #every(step: Extract<Step, { readonly kind: 'every' }>, exits: Exits): void {
    const out = this.#out;
    const label = this.label('V');
    const over = this.#atom(step.over);
    out.line(`if (!isCollection(${over})) ${exits.fail}`);
    this.#loop(step, label, false, () => {
      const inner = this.label('A');
      out.block(`${inner}: {`, () => {
        this.block(step.body, { fail: `break ${inner};`, succeed: `continue ${label};`, ordered: false });
      });
      out.line(exits.fail);
    });
  }

  #collect(step: Extract<Step, { readonly kind: 'collect' }>): void {
    const out = this.#out;
    const local = `l${String(step.local)}`;
    const label = this.label('K');
    this.#stands(step.local);
    if (step.into === 'object') {
      const site = this.#names.pool.site({ message: 'object keys must be unique', location: step.location });
      out.line(`let ${local} = {};`);
      out.line(`const ${local}s = ${String(site)};`);
    } else out.line(`const ${local} = ${step.into === 'array' ? '[]' : 'newSet()'};`);
    if (step.into === 'set' && hasUniqueKeys(step.body)) this.#unique.add(step.local);
    out.block(`${label}: {`, () => {
      this.block(step.body, { fail: `break ${label};`, succeed: '', ordered: step.into === 'array' });
    });
  }

  #with(step: Extract<Step, { readonly kind: 'with' }>, exits: Exits): void {
    const out = this.#out;
    const label = this.label('W');
    const n = label.slice(1);
    const exported = [...new Set(step.exports)].filter((id) => this.#used.has(id));
    const values = step.overrides.map((override) => this.#overrideValue(override));
    out.line(`const sm${n} = M, si${n} = I, sd${n} = D;`);
    out.line(step.many ? `const rows${n} = [];` : `let ok${n} = false;`);
    if (!step.many) for (const id of exported) out.line(`let y${n}_${String(id)};`);
    out.line(`M = sm${n}.next();`);
    step.overrides.forEach((override, index) => {
      for (const line of this.#override(override, values[index] ?? 'undefined')) out.line(line);
    });
    this.#withs++;
    out.block(`${label}: {`, () => {
      const save = exported.map((id) => `l${String(id)}`);
      const succeed = step.many
        ? `rows${n}.push([${save.join(', ')}]);`
        : `${exported.map((id) => `y${n}_${String(id)} = l${String(id)}; `).join('')}ok${n} = true; break ${label};`;
      this.block(step.body, { fail: `break ${label};`, succeed, ordered: step.many && exits.ordered });
    });
    this.#withs--;
    out.line(`M = sm${n}; I = si${n}; D = sd${n};`);
    if (!step.many) {
      out.line(`if (!ok${n}) ${exits.fail}`);
      for (const id of exported) {
        this.#stands(id);
        out.line(`const l${String(id)} = y${n}_${String(id)};`);
      }
      this.block(step.rest, exits);
      return;
    }
    const loop = this.label('L');
    const mark = out.mark();
    out.block(`${loop}: for (const row of rows${n}) {`, () => {
      this.#loops.push(mark);
      exported.forEach((id, index) => {
        this.#stands(id);
        out.line(`const l${String(id)} = row[${String(index)}];`);
      });
      this.block(step.rest, { ...exits, fail: `continue ${loop};` });
      this.#loops.pop();
    });
    out.line(exits.fail);
  }

  #overrideValue(override: Override): string {
    if (override.kind !== 'function') return this.#atom(override.value);
    const { by } = override;
    return by.kind === 'value' ? this.#atom(by.value) : '';
  }

  #override(override: Override, value: string): readonly string[] {
    switch (override.kind) {
      case 'input':
        if (override.path.length === 0) return [`I = ${value};`];
        return [`I = setPath(I, ${this.#names.pool.path(override.path)}, ${value});`];
      case 'data':
        return [
          `D = setPath(D, ${this.#names.pool.path(override.path)}, ${value});`,
          ...this.#names.overrideData(override.path, value),
        ];
      case 'function': {
        const slot = `M.o${String(override.slot)}`;
        if (override.by.kind === 'value') return [`${slot} = () => ${value};`];
        const arity = this.#names.slotArity(override.slot);
        const params = Array.from({ length: arity }, (_, index) => `z${String(index)}`);
        const callee =
          override.by.kind === 'function'
            ? `${this.#names.call(override.by.group)}(${params.join(', ')})`
            : `${this.#names.pool.builtin(override.by.name)}(${['C', ...params].join(', ')})`;
        // What stands in for a function sees none of the functions replaced.
        return [
          `${slot} = (${params.join(', ')}) => { const f = M; M = f.bare(); const v = ${callee}; M = f; return v; };`,
        ];
      }
      default:
        return override satisfies never;
    }
  }
}
