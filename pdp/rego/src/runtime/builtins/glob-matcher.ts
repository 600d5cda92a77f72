import type { GlobNode } from './glob-syntax.ts';

/** Tells whether a whole text matches a glob. */
export type GlobMatcher = (text: string) => boolean;

/**
 * Compiles a parsed glob. Matching takes time in proportion to text times pattern at most. `separators` are the code
 * points that `*` and `?` stop at.
 */
export function compileGlob(nodes: readonly GlobNode[], separators: readonly number[]): GlobMatcher {
  return (
    compileFixed(nodes, separators) ??
    compilePieces(nodes, separators) ??
    compileSequence(nodes, separators) ??
    compileMachine(nodes, separators)
  );
}

/** The shapes of nearly all globs in policies: text, text*, *text, text*text. */
function compileFixed(nodes: readonly GlobNode[], separators: readonly number[]): GlobMatcher | undefined {
  const [first, second, third] = nodes;
  if (nodes.length > 3) return undefined;
  if (first === undefined) return (text) => text === '';
  const prefix = first.kind === 'text' ? first.text : '';
  if (first.kind === 'text' && second === undefined) return (text) => text === prefix;
  const star = first.kind === 'text' ? second : first;
  const last = first.kind === 'text' ? third : second;
  if (star === undefined || (first.kind !== 'text' && third !== undefined)) return undefined;
  if (star.kind !== 'star' && star.kind !== 'super') return undefined;
  if (last !== undefined && last.kind !== 'text') return undefined;
  const suffix = last?.text ?? '';
  const shortest = prefix.length + suffix.length;
  if (star.kind === 'super' || separators.length === 0) {
    return (text) => text.length >= shortest && text.startsWith(prefix) && text.endsWith(suffix);
  }
  const stops = separators.map((point) => String.fromCodePoint(point));
  const [only = ''] = stops;
  if (stops.length === 1) {
    return (text) => {
      if (text.length < shortest || !text.startsWith(prefix) || !text.endsWith(suffix)) return false;
      const stop = text.indexOf(only, prefix.length);
      return stop < 0 || stop >= text.length - suffix.length;
    };
  }
  return (text) =>
    text.length >= shortest &&
    text.startsWith(prefix) &&
    text.endsWith(suffix) &&
    stops.every((stop) => !text.slice(prefix.length, text.length - suffix.length).includes(stop));
}

// Paths with stars between separators, then perhaps `**` and text: `/a/*/b`, `/a/*/b/**`, `/**/b/**`. A `*` that a
// separator follows ends at the next one, and text behind `**` is best found where it stands first: nothing is tried twice.
function compilePieces(nodes: readonly GlobNode[], separators: readonly number[]): GlobMatcher | undefined {
  const [point] = separators;
  if (separators.length !== 1 || point === undefined) return undefined;
  const separator = String.fromCodePoint(point);
  const at = nodes.findIndex(({ kind }) => kind === 'super');
  const head = piecesOf(at < 0 ? nodes : nodes.slice(0, at), 'star');
  const tail = at < 0 ? undefined : piecesOf(nodes.slice(at), 'super');
  if (head === undefined || (at >= 0 && tail === undefined)) return undefined;
  // Behind the last star of all nothing needs to follow: it ends where the text does.
  const isOpen = tail === undefined && head.length > 1 && head.at(-1) === '';
  const stops = head.slice(1, isOpen ? -1 : undefined);
  if (!stops.every((piece) => piece.startsWith(separator))) return undefined;
  const [prefix = ''] = head;
  const middles = tail?.slice(1, -1) ?? [];
  const suffix = tail?.at(-1) ?? '';
  return (text) => {
    if (!text.startsWith(prefix)) return false;
    let end = prefix.length;
    for (const piece of stops) {
      end = text.indexOf(separator, end);
      if (end < 0 || !text.startsWith(piece, end)) return false;
      end += piece.length;
    }
    if (isOpen) return !text.includes(separator, end);
    if (tail === undefined) return end === text.length;
    for (const piece of middles) {
      end = text.indexOf(piece, end);
      if (end < 0) return false;
      end += piece.length;
    }
    return text.length - suffix.length >= end && text.endsWith(suffix);
  };
}

/** The texts in front of, between and behind stars of one kind; undefined if there is anything else. */
function piecesOf(nodes: readonly GlobNode[], kind: 'star' | 'super'): readonly string[] | undefined {
  const pieces = [''];
  for (const node of nodes) {
    if (node.kind === 'text') pieces.push((pieces.pop() ?? '') + node.text);
    else if (node.kind === kind) pieces.push('');
    else return undefined;
  }
  return pieces;
}

const STAR = -1;
const SUPER = -2;
const SINGLE = -3;

/**
 * Text, stars and `?` only: walks both, going back to the last `*` and, where that runs into a separator, to the last
 * `**`. Going back further cannot help: a later star can take whatever an earlier one would.
 */
function compileSequence(nodes: readonly GlobNode[], separators: readonly number[]): GlobMatcher | undefined {
  const steps: number[] = [];
  for (const node of nodes) {
    switch (node.kind) {
      case 'text':
        for (const char of node.text) steps.push(char.codePointAt(0) ?? 0);
        break;
      case 'star':
        steps.push(separators.length === 0 ? SUPER : STAR);
        break;
      case 'super':
        steps.push(SUPER);
        break;
      case 'single':
        steps.push(SINGLE);
        break;
      default:
        return undefined;
    }
  }
  return (text) => walk(steps, separators, text);
}

function walk(steps: readonly number[], separators: readonly number[], text: string): boolean {
  let step = 0;
  let at = 0;
  let starStep = -1;
  let starAt = 0;
  let superStep = -1;
  let superAt = 0;
  for (;;) {
    const wanted = steps[step];
    if (wanted === SUPER) {
      superStep = ++step;
      superAt = at;
      starStep = -1;
      continue;
    }
    if (wanted === STAR) {
      starStep = ++step;
      starAt = at;
      continue;
    }
    const point = text.codePointAt(at);
    if (wanted === undefined ? point === undefined : point !== undefined && isStep(wanted, point, separators)) {
      if (point === undefined) return true;
      at += point > 0xffff ? 2 : 1;
      step++;
      continue;
    }
    const skipped = starStep < 0 ? undefined : text.codePointAt(starAt);
    if (skipped !== undefined && !separators.includes(skipped)) {
      starAt += skipped > 0xffff ? 2 : 1;
      at = starAt;
      step = starStep;
      continue;
    }
    const passed = superStep < 0 ? undefined : text.codePointAt(superAt);
    if (passed === undefined) return false;
    superAt += passed > 0xffff ? 2 : 1;
    at = superAt;
    step = superStep;
    starStep = -1;
  }
}

function isStep(wanted: number, point: number, separators: readonly number[]): boolean {
  return wanted === SINGLE ? !separators.includes(point) : wanted === point;
}

/** One state of the machine for globs with classes and alternatives. */
type State =
  | { readonly kind: 'test'; readonly test: (point: number) => boolean }
  | { readonly kind: 'split'; readonly targets: readonly number[] }
  | { readonly kind: 'accept' };

/** Anything else: all states that the text so far can be in are followed at once. */
function compileMachine(nodes: readonly GlobNode[], separators: readonly number[]): GlobMatcher {
  const states: State[] = [];
  const emit = (state: State): number => states.push(state) - 1;
  const free = (point: number): boolean => !separators.includes(point);
  // Built from the end: each piece knows where the text goes on.
  const build = (sequence: readonly GlobNode[], next: number): number =>
    sequence.reduceRight((target, node) => buildNode(node, target), next);
  const test = (matches: (point: number) => boolean, next: number): number => {
    const split = emit({ kind: 'split', targets: [next] });
    const state = emit({ kind: 'test', test: matches });
    successors.set(state, split);
    return state;
  };
  const loop = (matches: (point: number) => boolean, next: number): number => {
    const state = emit({ kind: 'test', test: matches });
    const split = emit({ kind: 'split', targets: [state, next] });
    successors.set(state, split);
    return split;
  };
  const successors = new Map<number, number>();
  const buildNode = (node: GlobNode, next: number): number => {
    switch (node.kind) {
      case 'text':
        return Array.from(node.text).reduceRight((target, char) => {
          const wanted = char.codePointAt(0);
          return test((point) => point === wanted, target);
        }, next);
      case 'star':
        return loop(free, next);
      case 'super':
        return loop(() => true, next);
      case 'single':
        return test(free, next);
      case 'class':
        return test((point) => node.ranges.some(([low, high]) => point >= low && point <= high) !== node.negated, next);
      case 'alternatives':
        return emit({ kind: 'split', targets: node.branches.map((branch) => build(branch, next)) });
    }
  };
  const accept = emit({ kind: 'accept' });
  const start = build(nodes, accept);
  return (text) => run(states, successors, start, accept, text);
}

function run(
  states: readonly State[],
  successors: ReadonlyMap<number, number>,
  start: number,
  accept: number,
  text: string,
): boolean {
  let current = closure(states, [start]);
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    const next: number[] = [];
    for (const index of current) {
      const state = states[index];
      const target = state?.kind === 'test' && state.test(point) ? successors.get(index) : undefined;
      if (target !== undefined) next.push(target);
    }
    if (next.length === 0) return false;
    current = closure(states, next);
  }
  return current.has(accept);
}

/** The states reachable without taking a character. */
function closure(states: readonly State[], from: readonly number[]): ReadonlySet<number> {
  const seen = new Set<number>();
  const pending = [...from];
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    if (seen.has(index)) continue;
    seen.add(index);
    const state = states[index];
    if (state?.kind === 'split') pending.push(...state.targets);
  }
  return seen;
}
