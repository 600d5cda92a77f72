import type { Block, LocalId, Operand, Step } from '../plan/ir.ts';
import { addMember, closeCollection, describeCollection, isOnlyCounted, openCollection } from './collection.ts';
import { isCondition } from './builtin-calls.ts';
import { basePath, isDefined } from './operand-shapes.ts';
import { OperandWriter } from './operands.ts';
import type { Exits, ProgramNames } from './block-context.ts';
import { quote } from './names.ts';
import { SMALL_COLLECTION } from '../runtime/documents.ts';
import { findProbe, type Probe } from './probe.ts';
import type { Scan } from './unique-keys.ts';
import { writeWith, type WithHost } from './with-block.ts';
import type { Writer } from './writer.ts';

/** Of terms that stand nowhere in a policy. */
const nowhere = { file: '', row: 0, col: 0, start: 0, end: 0 };

/** Writes the blocks of one generated function. */
export class BlockWriter {
  readonly #out: Writer;
  readonly #names: ProgramNames;
  /** How often each local is read. */
  readonly #uses: ReadonlyMap<LocalId, number>;
  #labels = 0;
  readonly #operands: OperandWriter;
  /** Loops that have to tell whether they go over a set, and the variables that say it. */
  readonly #feeds = new Map<Scan, string>();
  /** True for functions that one evaluation may call many times. */
  readonly #isRepeated: boolean;

  constructor(out: Writer, names: ProgramNames, uses: ReadonlyMap<LocalId, number>, isRepeated = false) {
    this.#isRepeated = isRepeated;
    this.#out = out;
    this.#names = names;
    this.#uses = uses;
    this.#operands = new OperandWriter(out, names, uses);
  }

  label(prefix: string): string {
    return `${prefix}${String(this.#labels++)}`;
  }

  /** An expression for a value, undefined included; may write statements first. */
  operand(operand: Operand): string {
    return this.#operands.operand(operand);
  }

  block(block: Block, exits: Exits): void {
    let current = exits;
    block.forEach((step, index) => {
      const next = block[index + 1];
      if (step.kind === 'trace') current = this.#trace(step, exits, current);
      else if (step.kind === 'collect') this.#collect(step, next);
      else if (step.kind === 'bind' && this.#operands.isSplitForOnePart(step, next))
        this.#operands.deferSplit(step.local, step.value);
      else this.#step(step, current);
    });
  }

  /** Tells what happens, and gives the exits of what follows: a literal that has begun tells that it failed. */
  #trace(step: Extract<Step, { readonly kind: 'trace' }>, exits: Exits, current: Exits): Exits {
    const { place, event } = step;
    const values = step.values.map(([name, value]) => `[${quote(name)}, ${this.#operands.operand(value)}]`);
    this.#out.line(`rt.trace(${String(place)}, '${event}', [${values.join(', ')}], I);`);
    if (event === 'note') return current;
    if (event !== 'eval') return exits;
    return { ...exits, fail: `{ rt.trace(${String(place)}, 'fail', [], I); ${exits.fail} }` };
  }

  #step(step: Exclude<Step, { readonly kind: 'trace' | 'collect' }>, exits: Exits): void {
    const out = this.#out;
    switch (step.kind) {
      case 'bind':
        this.#bind(step.local, step.value, exits.fail);
        return;
      case 'test':
        this.#test(step.value, exits.fail);
        return;
      case 'run':
        out.line(`${this.#operands.operand(step.value)};`);
        return;
      case 'equal':
        out.line(`if (!(${this.#operands.equal(step.left, step.right)})) ${exits.fail}`);
        return;
      case 'fail':
        // A condition, so that what follows stays reachable for JavaScript's parser and readers.
        out.line(`if (true) ${exits.fail}`);
        return;
      case 'is-array': {
        const value = this.#operands.operand(step.value);
        out.line(`if (!Array.isArray(${value}) || ${value}.length !== ${String(step.length)}) ${exits.fail}`);
        return;
      }
      case 'is-object':
        out.line(`if (sizeOf(${this.#operands.operand(step.value)}) !== ${String(step.size)}) ${exits.fail}`);
        return;
      case 'admit': {
        const value = this.#operands.operand(step.value);
        const tests = step.tests.some((test) => test.kind === 'defined')
          ? undefined
          : this.#names.pool.tests(step.tests);
        out.line(
          `if (${tests === undefined ? `${value} === undefined` : `!admits(${value}, ${tests})`}) ${exits.fail}`,
        );
        return;
      }
      case 'admit-key':
        out.line(
          `if (!admitsKey(${this.#operands.operand(step.collection)}, ${this.#operands.operand(step.key)})) ${exits.fail}`,
        );
        return;
      case 'scan':
        this.#scan(step, exits);
        return;
      case 'not':
        this.#not(step.body, exits);
        return;
      case 'either':
        this.#either(step.blocks, exits);
        return;
      case 'every':
        this.#every(step, exits);
        return;
      case 'with':
        writeWith(step, exits, this.#withHost());
        return;
      case 'succeed':
        out.line(exits.succeed);
        return;
      case 'yield': {
        const collection = this.#operands.collections.get(step.local);
        if (collection === undefined) throw new TypeError('a member of no collection');
        const { local } = collection;
        const value = this.#operands.operand(step.value);
        if (step.key === undefined) out.line(addMember(collection, value));
        else out.line(`${local} = put(${local}, ${this.#operands.operand(step.key)}, ${value}, ${local}s);`);
        return;
      }
      case 'result':
        exits.result?.(out, this.#operands.operand(step.value));
        return;
      case 'part': {
        const path = step.path.map((part) => this.#operands.operand(part));
        exits.part?.(out, step, path, this.#operands.operand(step.value));
        return;
      }
      default:
        step satisfies never;
    }
  }

  /** What the steps of a `with` use of this writer. */
  #withHost(): WithHost {
    return {
      out: this.#out,
      names: this.#names,
      uses: this.#uses,
      label: (prefix) => this.label(prefix),
      atom: (operand) => this.#operands.atom(operand),
      stands: (local) => {
        this.#operands.stands(local);
      },
      block: (block, exits) => {
        this.block(block, exits);
      },
      replaced: (write) => {
        this.#operands.replaced(write);
      },
      inLoop: (mark, write) => {
        this.#operands.inLoop(mark, write);
      },
    };
  }

  #bind(local: LocalId, value: Operand, fail: string): void {
    const out = this.#out;
    const name = `l${String(local)}`;
    this.#operands.stands(local);
    if (value.kind === 'builtin') {
      const { temp, site } = this.#operands.builtinCall(value);
      out.line(`const ${name} = ${temp};`);
      if (site !== undefined) out.line(`if (${name} === undefined) { C.at(${String(site)}); ${fail} }`);
      return;
    }
    const text = this.#operands.operand(value);
    out.line(`const ${name} = ${text};`);
    if (!isDefined(value)) out.line(`if (${name} === undefined) ${fail}`);
  }

  #test(value: Operand, fail: string): void {
    const out = this.#out;
    if (value.kind === 'builtin' && isCondition(value) && this.#names.builtinSlot(value.name) === undefined) {
      out.line(`if (!(${this.#operands.condition(value)})) ${fail}`);
      return;
    }
    if (value.kind === 'builtin') {
      const { temp, site } = this.#operands.builtinCall(value);
      out.line(`if (${temp} === undefined) { C.at(${String(site ?? 0)}); ${fail} }`);
      out.line(`if (${temp} === false) ${fail}`);
      return;
    }
    if (value.kind === 'constant') {
      if (value.term.kind === 'boolean' && !value.term.value) out.line(`if (true) ${fail}`);
      return;
    }
    const atom = this.#operands.atom(value);
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
    if (probe === undefined) this.#loop(step, label, exits.ordered, write, this.#feeds.get(step));
    else this.#indexedLoop(step, probe, label, exits.ordered, write);
    out.line(exits.fail);
  }

  /** True for base documents, and for any collection that a loop around may go through again and again. */
  #isIndexed(over: Operand): boolean {
    return over.kind === 'base' || this.#isBaseDocument(over) || this.#isRepeated || this.#operands.isInLoop;
  }

  /**
   * A loop over the members of a collection for which an equation holds, by an index. That of a base document is made when
   * the data is loaded, or at the first use where the document is only known then; that of any other collection when one
   * evaluation has gone through it a few times. Small collections have none.
   */
  #indexedLoop(
    step: Extract<Step, { readonly kind: 'scan' }>,
    probe: Probe,
    label: string,
    ordered: boolean,
    write: () => void,
  ): void {
    const out = this.#out;
    const { pool } = this.#names;
    const mark = out.mark();
    const n = label.slice(1);
    const over = this.#operands.atom(step.over);
    const path = pool.constant({ kind: 'array', items: probe.path, location: nowhere });
    const keyUsed = step.key !== undefined && this.#uses.has(step.key);
    if (step.over.kind !== 'base' && !this.#isBaseDocument(step.over)) {
      const [keys, values] = this.#scanNames(false, ordered);
      if (keyUsed) out.line(`const c${n} = ${keys}(${over});`);
      out.line(
        `const a${n} = ${values}(${over}), ix${n} = a${n}.length < ${String(SMALL_COLLECTION)} ? undefined : C.joinIndex(${over}, a${n}, ${path});`,
      );
      const feeds = this.#feeds.get(step);
      if (feeds !== undefined) out.line(`const ${feeds} = isSet(${over});`);
    } else if (step.over.kind !== 'base') {
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
      out.line(`h${n} = probe(ix${n}, ${this.#operands.operand(probe.value)});`);
    });
    out.line(`const len${n} = h${n} === undefined ? a${n}.length : h${n}.length;`);
    out.line(`if ((S -= len${n}) < 0) stop();`);
    out.block(`${label}: for (let i${n} = 0; i${n} < len${n}; i${n}++) {`, () => {
      out.line(`const w${n} = h${n} === undefined ? i${n} : h${n}[i${n}];`);
      if (keyUsed) out.line(`const l${String(step.key)} = c${n} === undefined ? w${n} : c${n}[w${n}];`);
      if (step.value !== undefined && this.#uses.has(step.value)) {
        out.line(`const l${String(step.value)} = a${n}[w${n}];`);
      }
      this.#operands.inLoop(mark, () => {
        for (const local of [step.key, step.value]) if (local !== undefined) this.#operands.stands(local);
        write();
      });
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
    feeds?: string,
  ): void {
    const mark = this.#out.mark();
    const inside = (): void => {
      this.#operands.inLoop(mark, () => {
        for (const local of [step.key, step.value]) if (local !== undefined) this.#operands.stands(local);
        write();
      });
    };
    const out = this.#out;
    const n = label.slice(1);
    const over = this.#operands.atom(step.over);
    const keyUsed = step.key !== undefined && this.#uses.has(step.key);
    const valueUsed = step.value !== undefined && this.#uses.has(step.value);
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
    if (feeds !== undefined) out.line(`const ${feeds} = isSet(${over});`);
    out.line(`if ((S -= a${n}.length) < 0) stop();`);
    out.block(`${label}: for (let i${n} = 0; i${n} < a${n}.length; i${n}++) {`, () => {
      if (keyUsed) out.line(`const l${String(step.key)} = c${n} === undefined ? i${n} : c${n}[i${n}];`);
      if (valueUsed) out.line(`const l${String(step.value)} = a${n}[i${n}];`);
      inside();
    });
  }

  /** True for a document that is the same in all evaluations: its sorted keys may be kept. */
  #isBaseDocument(operand: Operand): boolean {
    if (operand.kind === 'group') return operand.fixed === true;
    if (operand.kind === 'base') return this.#names.isFixedBase(operand.path);
    return operand.kind === 'member' && !operand.document && this.#isBaseDocument(operand.of);
  }

  #scanNames(cached: boolean, ordered: boolean): readonly [keys: string, values: string] {
    if (cached) return ['C.dataKeys', 'C.dataValues'];
    if (ordered) return ['keysOf', 'valuesOf'];
    return ['anyKeysOf', 'anyValuesOf'];
  }

  #not(body: Block, exits: Exits): void {
    const out = this.#out;
    const label = this.label('N');
    const risk = this.#names.riskOf(body);
    if (risk === 'none') {
      out.block(`${label}: {`, () => {
        this.block(body, { fail: `break ${label};`, succeed: exits.fail, ordered: false });
      });
      return;
    }
    // OPA goes on behind the first success: what goes wrong there counts.
    const found = `${label.toLowerCase()}s`;
    out.line(`let ${found} = false;`);
    out.block(`${label}: {`, () => {
      const leave = risk === 'strict' ? ` if (!C.isStrict) break ${label};` : '';
      this.block(body, { fail: `break ${label};`, succeed: `${found} = true;${leave}`, ordered: false });
    });
    out.line(`if (${found}) ${exits.fail}`);
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
    const over = this.#operands.atom(step.over);
    out.line(`if (!isCollection(${over})) ${exits.fail}`);
    this.#loop(step, label, false, () => {
      const inner = this.label('A');
      out.block(`${inner}: {`, () => {
        this.block(step.body, { fail: `break ${inner};`, succeed: `continue ${label};`, ordered: false });
      });
      out.line(exits.fail);
    });
  }

  #collect(step: Extract<Step, { readonly kind: 'collect' }>, next: Step | undefined): void {
    const out = this.#out;
    const label = this.label('K');
    this.#operands.stands(step.local);
    const counted = this.#names.builtinSlot('count') === undefined && isOnlyCounted(step.local, next, this.#uses);
    const collection = describeCollection(step, counted, (feed) => {
      // What is read from base documents is JSON, which has no sets.
      if (basePath(feed.over) !== undefined) return undefined;
      const name = `u${label.slice(1)}`;
      this.#feeds.set(feed, name);
      return name;
    });
    this.#operands.collections.set(step.local, collection);
    for (const line of openCollection(collection)) out.line(line);
    if (step.into === 'object') {
      const site = this.#names.pool.site({ message: 'object keys must be unique', location: step.location });
      out.line(`const ${collection.local}s = ${String(site)};`);
    }
    out.block(`${label}: {`, () => {
      this.block(step.body, { fail: `break ${label};`, succeed: '', ordered: step.into === 'array' && !counted });
    });
    for (const line of closeCollection(collection)) out.line(line);
  }
}
