import type { LocalId, Operand, Step } from '../plan/ir.ts';
import type { ProgramNames } from './block-context.ts';
import { comparisons, inline, isCondition, isInlined, type BuiltinOperand } from './builtin-calls.ts';
import type { Collection } from './collection.ts';
import { primitive } from './constants.ts';
import { memberName, optionalMember } from './names.ts';
import { basePath, fewMembers, plainChain } from './operand-shapes.ts';
import type { Mark, Writer } from './writer.ts';

/** True for a constant that is an index of an array. */
const isPartNumber = (operand: Operand): boolean =>
  operand.kind === 'constant' && operand.term.kind === 'number' && /^(?:0|[1-9]\d?)$/.test(operand.term.text);

/** Writes the expressions of one generated function, and the statements that they need in front of them. */
export class OperandWriter {
  readonly #out: Writer;
  readonly #names: ProgramNames;
  /** How often each local is read. */
  readonly #uses: ReadonlyMap<LocalId, number>;
  #temps = 0;
  /** The loops around what is being written: the places in front of them, outermost first. */
  readonly #loops: Mark[] = [];
  /** In how many `with`s what is being written stands: they change what the input is. */
  #withs = 0;
  /** In how many loops a local stands; parameters stand in none. */
  readonly #depths = new Map<LocalId, number>();
  /** Results of `split` of which only one part is asked for, by what is next. */
  readonly #splits = new Map<LocalId, BuiltinOperand>();
  /** Collections that this function builds. */
  readonly collections = new Map<LocalId, Collection>();

  constructor(out: Writer, names: ProgramNames, uses: ReadonlyMap<LocalId, number>) {
    this.#out = out;
    this.#names = names;
    this.#uses = uses;
  }

  get isInLoop(): boolean {
    return this.#loops.length > 0;
  }

  /** Writes the body of a loop; `mark` is the place in front of it. */
  inLoop(mark: Mark, write: () => void): void {
    this.#loops.push(mark);
    write();
    this.#loops.pop();
  }

  /** Writes what stands under the replacements of a `with`. */
  replaced(write: () => void): void {
    this.#withs++;
    write();
    this.#withs--;
  }

  /** Leaves a call of `split` to the step that asks for a part of its result. */
  deferSplit(local: LocalId, call: BuiltinOperand): void {
    this.#splits.set(local, call);
  }

  #temp(): string {
    return `x${String(this.#temps++)}`;
  }

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
        return this.#group(operand.group, operand.fixed === true);
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

  /** What is the same in all evaluations is kept, but for those in which failures count: each of them has its own. */
  #group(id: number, isFixed: boolean): string {
    const value = this.#names.group(id);
    if (!isFixed || !value.endsWith('()')) return value;
    const kept = this.#names.pool.kept(id);
    return `(C.isStrict ? ${value} : (${kept}.value ??= ${value}))`;
  }

  #object(entries: readonly (readonly [Operand, Operand])[]): string {
    if (entries.every(([key]) => key.kind === 'constant' && key.term.kind === 'string')) {
      return `{${entries.map(([key, value]) => `${memberName(this.operand(key))}: ${this.operand(value)}`).join(', ')}}`;
    }
    return `newObject([${entries.map(([key, value]) => `[${this.operand(key)}, ${this.operand(value)}]`).join(', ')}])`;
  }

  #member(operand: Extract<Operand, { readonly kind: 'member' }>): string {
    const split = operand.of.kind === 'local' ? this.#splits.get(operand.of.id) : undefined;
    if (split !== undefined) return this.#splitPart(split, operand.key);
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
    if (chain === undefined) {
      const path = basePath(operand.of);
      const args =
        path === undefined && isPartNumber(operand.key)
          ? ''
          : `${this.operand(operand.of)}, ${this.operand(operand.key)}`;
      if (path === undefined && isPartNumber(operand.key)) return this.#element(operand.of, this.operand(operand.key));
      if (path === undefined) return this.#constantMember(operand) ?? `getIndex(${args})`;
      return this.#names.isFixedBase(path)
        ? `baseIndex(${args})`
        : `baseMember(${args}, M.p, ${this.#names.pool.path(path)})`;
    }
    const temp = this.#temp();
    const from = this.atom(chain.from);
    const lines = [
      `let ${temp} = ${from}${chain.names.map(optionalMember).join('')};`,
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

  /** A lookup in an object that stands in the policy, by the index of its members; undefined for other operands. */
  #constantMember({ of, key }: Extract<Operand, { readonly kind: 'member' }>): string | undefined {
    if (key.kind === 'constant' || (of.kind !== 'constant' && of.kind !== 'group')) return undefined;
    const document = this.operand(of);
    if (!/^k\d+$/.test(document)) return undefined;
    const index = this.#names.pool.index(document);
    const name = this.atom(key);
    return `(${index} !== undefined && typeof ${name} === 'string' ? ${index}.get(${name}) : getIndex(${document}, ${name}))`;
  }

  #element(of: Operand, index: string): string {
    const collection = this.atom(of);
    return `(Array.isArray(${collection}) ? ${collection}[${index}] : getIndex(${collection}, ${index}))`;
  }

  #isSteady(operand: Operand): boolean {
    return operand.kind === 'local' || (operand.kind === 'input' && this.#withs === 0);
  }

  /** An expression that may stand twice. */
  atom(operand: Operand): string {
    const text = this.operand(operand);
    if (/^[A-Za-z0-9_]+$/.test(text)) return text;
    const temp = this.#temp();
    this.#out.line(`const ${temp} = ${text};`);
    return temp;
  }

  #builtin(operand: BuiltinOperand): string {
    const { temp, site } = this.builtinCall(operand);
    if (site !== undefined) this.#out.line(`if (${temp} === undefined) C.at(${String(site)});`);
    return temp;
  }

  /** Puts the result of a built-in into a temporary. `site` is where a failure happened, unless it cannot fail. */
  builtinCall(operand: BuiltinOperand): { readonly temp: string; readonly site: number | undefined } {
    const slot = this.#names.builtinSlot(operand.name);
    const count = slot === undefined ? this.#countOf(operand) : undefined;
    if (count !== undefined) return { temp: count, site: undefined };
    if (slot === undefined && isCondition(operand)) return { temp: `(${this.condition(operand)})`, site: undefined };
    const site = this.#names.pool.site({ message: operand.name, location: operand.location });
    const temp = this.#temp();
    const loop = slot === undefined && !isInlined(operand.name) ? this.#loops[this.#depthOf(operand.args)] : undefined;
    const args = operand.args.map((arg) => (loop === undefined ? this.atom(arg) : this.operand(arg)));
    const call = `${this.#names.pool.builtin(operand.name)}(${['C', ...args].join(', ')})`;
    if (slot !== undefined) {
      this.#out.line(
        `const ${temp} = M.o${String(slot)} === undefined ? ${call} : M.o${String(slot)}(${args.join(', ')});`,
      );
    } else if (loop === undefined) {
      this.#out.line(`const ${temp} = ${inline(operand.name, args, call) ?? call};`);
    } else {
      // The arguments do not change in this loop: the first turn that comes here computes the result for all.
      this.#out.lineAt(loop, `let ${temp} = U;`);
      this.#out.line(`if (${temp} === U) ${temp} = ${call};`);
    }
    return { temp, site };
  }

  /** The number of members of a collection that stands in this function, or undefined for other calls. */
  #countOf(operand: BuiltinOperand): string | undefined {
    const [arg] = operand.args;
    const collection = operand.name === 'count' && arg?.kind === 'local' ? this.collections.get(arg.id) : undefined;
    if (collection === undefined || collection.into === 'object') return undefined;
    if (collection.counted) return collection.local;
    return `${collection.local}.${collection.into === 'set' ? 'size' : 'length'}`;
  }

  /**
   * True for `split` by a constant of whose result the next step takes one part and nothing else takes any: the part is
   * then cut out of the text. Not where one result serves all turns of a loop.
   */
  isSplitForOnePart(
    step: Extract<Step, { readonly kind: 'bind' }>,
    next: Step | undefined,
  ): step is Extract<Step, { readonly kind: 'bind' }> & { readonly value: BuiltinOperand } {
    const { value, local } = step;
    if (value.kind !== 'builtin' || value.name !== 'split' || this.#names.builtinSlot('split') !== undefined)
      return false;
    if (this.#uses.get(local) !== 1 || this.#loops[this.#depthOf(value.args)] !== undefined) return false;
    const delimiter = value.args[1];
    if (delimiter?.kind !== 'constant' || delimiter.term.kind !== 'string' || delimiter.term.value === '') return false;
    const first =
      next?.kind === 'bind' || next?.kind === 'test' ? next.value : next?.kind === 'equal' ? next.left : undefined;
    return first?.kind === 'member' && first.of.kind === 'local' && first.of.id === local && isPartNumber(first.key);
  }

  /** The part of a text that `split` would have given at an index; undefined where `split` fails, or gives too few. */
  #splitPart(operand: BuiltinOperand, key: Operand): string {
    const [text, delimiter] = operand.args.map((arg) => this.atom(arg));
    const site = this.#names.pool.site({ message: operand.name, location: operand.location });
    const temp = this.#temp();
    const call = `${this.#names.pool.builtin(operand.name)}(C, ${text ?? ''}, ${delimiter ?? ''})`;
    const part = `splitPart(C, ${text ?? ''}, ${delimiter ?? ''}, ${this.operand(key)})`;
    this.#out.line(`const ${temp} = typeof ${text ?? ''} === 'string' ? ${part} : ${call};`);
    this.#out.line(`if (${temp} === undefined) C.at(${String(site)});`);
    return temp;
  }

  /** Notes that a local is declared here. */
  stands(local: LocalId): void {
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
  condition(operand: BuiltinOperand): string {
    const [left, right] = operand.args;
    if (left === undefined || right === undefined) throw new TypeError('a comparison has two sides');
    if (operand.name === 'internal.member_2') {
      return this.#oneOf(left, right) ?? `isMember(${this.operand(left)}, ${this.operand(right)})`;
    }
    if (operand.name === 'equal') return this.equal(left, right);
    if (operand.name === 'neq') return `!(${this.equal(left, right)})`;
    const operator = comparisons[operand.name] ?? '';
    const a = this.atom(left);
    const b = this.atom(right);
    return `typeof ${a} === 'number' && typeof ${b} === 'number' ? ${a} ${operator} ${b} : compare(${a}, ${b}) ${operator} 0`;
  }

  /** `x in {a, "b"}` as comparisons with the few members; undefined for other collections. */
  #oneOf(value: Operand, collection: Operand): string | undefined {
    const members = fewMembers(collection);
    if (members === undefined || value.kind !== 'local') return undefined;
    return members.map((member) => `(${this.equal(value, member)})`).join(' || ');
  }

  /** A boolean expression that two values are both defined and equal. */
  equal(left: Operand, right: Operand): string {
    for (const [constant, other] of [
      [left, right],
      [right, left],
    ] as const) {
      if (constant.kind !== 'constant') continue;
      const literal = primitive(constant.term);
      if (literal === undefined) continue;
      if (constant.term.kind !== 'number') return `${this.operand(other)} === ${literal}`;
      const atom = this.atom(other);
      return `${atom} === ${literal} || equals(${atom}, ${literal})`;
    }
    const a = this.atom(left);
    const b = this.atom(right);
    // Strings are equal only if they are identical.
    return `${a} === ${b} ? ${a} !== undefined : typeof ${a} !== 'string' && equals(${a}, ${b})`;
  }
}
