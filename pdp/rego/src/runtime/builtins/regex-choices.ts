import { someNode, type RegexNode } from './regex-subset.ts';

/**
 * Tells whether the native engine, which tries one way after the other, decides a match of this expression in time that
 * grows with the text only in proportion: whether at every place the next character says which way to go.
 *
 * The test is that of one-unambiguous expressions (Brüggemann-Klein and Wood, 1998), made stronger: two ways that lead to the
 * same place count as two. Two things are allowed beyond it, for their cost is bounded: alternatives outside of loops,
 * which are tried one after the other; and a last loop over single characters that what follows may have, if that
 * is of bounded length (`^/a/.*\.json$`).
 */
export function isLinear(node: RegexNode): boolean {
  const ways = resolveChoices(node);
  return ways?.every((way) => new Places().areDistinct(way)) ?? false;
}

/** The longest text that an expression can match, in characters. */
export function longestMatch(node: RegexNode): number {
  switch (node.kind) {
    case 'set':
      return 1;
    case 'end':
      return 0;
    case 'sequence':
      return node.items.reduce((sum, item) => sum + longestMatch(item), 0);
    case 'choice':
      return Math.max(...node.branches.map(longestMatch));
    case 'repeat': {
      const longest = longestMatch(node.item);
      return longest === 0 ? 0 : longest * node.max;
    }
    default:
      return node satisfies never;
  }
}

/** True if an expression matches the empty text, wherever that stands. */
export function isNullable(node: RegexNode): boolean {
  switch (node.kind) {
    case 'set':
    case 'end':
      return false;
    case 'sequence':
      return node.items.every(isNullable);
    case 'choice':
      return node.branches.some(isNullable);
    case 'repeat':
      return node.min === 0 || isNullable(node.item);
    default:
      return node satisfies never;
  }
}

/** Most ways through the alternatives outside of loops. */
const MAX_WAYS = 64;

/** Every way through the alternatives outside of loops; undefined if there are too many. */
function resolveChoices(node: RegexNode): readonly RegexNode[] | undefined {
  switch (node.kind) {
    case 'choice': {
      const ways: RegexNode[] = [];
      for (const branch of node.branches) {
        const inner = resolveChoices(branch);
        if (inner === undefined || ways.length + inner.length > MAX_WAYS) return undefined;
        ways.push(...inner);
      }
      return ways;
    }
    case 'sequence': {
      let ways: readonly (readonly RegexNode[])[] = [[]];
      for (const item of node.items) {
        const inner = resolveChoices(item);
        if (inner === undefined || ways.length * inner.length > MAX_WAYS) return undefined;
        ways = ways.flatMap((way) => inner.map((next) => [...way, next]));
      }
      return ways.map((items): RegexNode => ({ kind: 'sequence', items: items.flatMap(flatten) }));
    }
    default:
      return [node];
  }
}

const flatten = (node: RegexNode): readonly RegexNode[] => (node.kind === 'sequence' ? node.items : [node]);

/** Most places of an expression, counted repetition written out. */
const MAX_PLACES = 300;

/** Longest match of what may follow a loop that has characters in common with it. */
const MAX_TAIL = 100;

/** A part of an expression: where a match of it can begin and end. */
interface Part {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly nullable: boolean;
}

const NOTHING: Part = { first: [], last: [], nullable: true };

const END = 1n << 129n;

/** The places of an expression at which it takes a character, and which can come after which. */
class Places {
  /** What each place takes. The first is where a match starts. */
  readonly #bits: bigint[] = [0n];
  readonly #next: number[][] = [[]];
  #failed = false;
  /** The place of the last loop that may share characters with what follows, and the first place behind it. */
  #loop = -1;
  #tail = -1;

  areDistinct(node: RegexNode): boolean {
    const items = flatten(node);
    const at = items.findLastIndex((item) => longestMatch(item) === Infinity);
    const loop = items[at];
    const rest: RegexNode = { kind: 'sequence', items: items.slice(at + 1) };
    let part = this.#sequence(items.slice(0, Math.max(at, 0)));
    if (loop !== undefined) {
      const isTailFree =
        loop.kind === 'repeat' && loop.item.kind === 'set' && loop.min <= 1 && longestMatch(rest) <= MAX_TAIL;
      const body = this.#part(loop);
      if (isTailFree) {
        this.#loop = this.#bits.length - 1;
        this.#tail = this.#bits.length;
      }
      part = this.#join(part, body);
    }
    part = this.#join(part, this.#part(rest));
    this.#link([0], part.first);
    return !this.#failed;
  }

  #place(bits: bigint): Part {
    const place = this.#bits.push(bits) - 1;
    this.#next.push([]);
    if (place > MAX_PLACES) this.#failed = true;
    return { first: [place], last: [place], nullable: false };
  }

  #part(node: RegexNode): Part {
    if (this.#failed) return NOTHING;
    switch (node.kind) {
      case 'set':
        return this.#place(node.set.bits);
      case 'end':
        return this.#place(END);
      case 'sequence':
        return this.#sequence(node.items);
      case 'choice': {
        const parts = node.branches.map((branch) => this.#part(branch));
        // Two empty branches are two ways.
        if (parts.filter(({ nullable }) => nullable).length > 1) this.#failed = true;
        return {
          first: parts.flatMap(({ first }) => first),
          last: parts.flatMap(({ last }) => last),
          nullable: parts.some(({ nullable }) => nullable),
        };
      }
      case 'repeat':
        return this.#repeat(node.item, node.min, node.max);
      default:
        return node satisfies never;
    }
  }

  #repeat(item: RegexNode, min: number, max: number): Part {
    if (max === 0) return NOTHING;
    // The turns of a loop whose body may be empty, or ends the text, cannot be told apart.
    if (isNullable(item) || (max > 1 && hasEnd(item))) {
      this.#failed = true;
      return NOTHING;
    }
    if (max === Infinity && min <= 1) {
      const body = this.#part(item);
      this.#link(body.last, body.first);
      return { ...body, nullable: min === 0 };
    }
    const head = this.#part(item);
    const tail = this.#repeat(item, Math.max(min - 1, 0), max - 1);
    return { ...this.#join(head, tail), nullable: min === 0 };
  }

  #sequence(items: readonly RegexNode[]): Part {
    let part = NOTHING;
    for (const item of items) part = this.#join(part, this.#part(item));
    return part;
  }

  #join(a: Part, b: Part): Part {
    this.#link(a.last, b.first);
    return {
      first: a.nullable ? [...a.first, ...b.first] : a.first,
      last: b.nullable ? [...a.last, ...b.last] : b.last,
      nullable: a.nullable && b.nullable,
    };
  }

  #link(from: readonly number[], to: readonly number[]): void {
    for (const place of from) {
      const next = this.#next[place] ?? [];
      for (const other of to) {
        if (next.some((known) => this.#areAlike(known, other) && !this.#isTolerated(known, other))) {
          this.#failed = true;
        }
        next.push(other);
      }
    }
  }

  #areAlike(a: number, b: number): boolean {
    return ((this.#bits[a] ?? 0n) & (this.#bits[b] ?? 0n)) !== 0n;
  }

  /** One more turn of the last loop, or what follows it. */
  #isTolerated(a: number, b: number): boolean {
    return a === this.#loop && b >= this.#tail;
  }
}

const hasEnd = (node: RegexNode): boolean => someNode(node, ({ kind }) => kind === 'end');
