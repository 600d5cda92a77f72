import type { Value } from '../runtime/value.ts';
import type { TraceListener } from './listener.ts';
import type { TracePlace } from './places.ts';

/** A value and what it is called: a variable, a part of a literal by its text, an argument. */
export type NamedValue = readonly [name: string, value: Value];

/** One evaluation of a document or a function. */
export interface ExplainedCall {
  /** Rules in the order in which they were tried, `else`s and a `default` included. */
  readonly bodies: readonly ExplainedBody[];
}

/** One rule, or a query, as it went. */
export interface ExplainedBody {
  readonly place: TracePlace;
  readonly args: readonly NamedValue[];
  /** What it gave, once for each time that it succeeded, as far as kept: see {@link MAX_VALUES}. Empty if it failed. */
  readonly values: readonly Value[];
  readonly successes: number;
  /** The literals of the first success, or else of the attempt that came furthest. */
  readonly literals: readonly ExplainedLiteral[];
}

/** One literal as it went in the attempt that is shown. */
export interface ExplainedLiteral {
  readonly place: TracePlace;
  readonly succeeded: boolean;
  /** How often the literal was begun in this evaluation of the body. */
  readonly attempts: number;
  /** Its variables. */
  readonly values: readonly NamedValue[];
  /** What was computed inside of it. */
  readonly parts: readonly NamedValue[];
  /** The input document that was in force. */
  readonly input: Value;
  /** Literals of the bodies inside of it. */
  readonly inner: readonly ExplainedLiteral[];
  /** Documents and functions that were evaluated for it. What is known already is not evaluated again. */
  readonly calls: readonly ExplainedCall[];
}

/** How many values of one rule are kept. */
export const MAX_VALUES = 100;

interface LiteralState {
  readonly place: TracePlace;
  state: 'running' | 'done' | 'failed';
  attempts: number;
  values: readonly NamedValue[];
  parts: readonly NamedValue[];
  input: Value;
  inner: LiteralState[];
  calls: CallState[];
  /** How many of the calls came before the first success: they hold for all turns. */
  lasting: number;
}

interface BodyState {
  readonly place: TracePlace;
  readonly args: readonly NamedValue[];
  readonly values: Value[];
  successes: number;
  literals: LiteralState[];
  shown: readonly LiteralState[] | undefined;
  readonly attempts: Map<TracePlace, number>;
}

interface CallState {
  readonly bodies: BodyState[];
}

/** Makes of what an instrumented program tells a tree of the rules and literals that decided. */
export class Explanation {
  readonly #places: readonly TracePlace[];
  readonly #root: CallState = { bodies: [] };
  readonly #calls: CallState[] = [this.#root];
  readonly #documents = new Map<string, CallState>();
  #asked: CallState | undefined;

  constructor(places: readonly TracePlace[]) {
    this.#places = places;
  }

  /** The evaluation that was asked for where that was a document: {@link root} is the query's. */
  get document(): ExplainedCall | undefined {
    return this.#asked === undefined ? undefined : explainCall(this.#asked);
  }

  /** Gives each document that was evaluated, by its path below `data` with dots: the first evaluation of each. */
  get documents(): ReadonlyMap<string, ExplainedCall> {
    return new Map([...this.#documents].map(([path, call]) => [path, explainCall(call)]));
  }

  /** What was asked: the query, with all that it led to below. */
  get root(): ExplainedCall {
    return explainCall(this.#root);
  }

  /** Takes what the program tells. */
  readonly listener: TraceListener = (number, event, values, input) => {
    const call = this.#calls.at(-1);
    if (call === undefined) return;
    if (event === 'call') {
      this.#open(call);
      return;
    }
    if (event === 'return') {
      if (this.#calls.length > 1) this.#calls.pop();
      return;
    }
    const place = this.#places[number];
    if (place === undefined) return;
    if (event === 'enter') {
      call.bodies.push({
        place,
        args: values,
        values: [],
        successes: 0,
        literals: [],
        shown: undefined,
        attempts: new Map(),
      });
      if (!this.#documents.has(place.text)) this.#documents.set(place.text, call);
      return;
    }
    const body = call.bodies.at(-1);
    if (body === undefined) return;
    switch (event) {
      case 'eval':
        this.#eval(body, place, values, input);
        return;
      case 'note':
        turn(body, place, (literal) => {
          const names = new Set(values.map(([name]) => name));
          literal.parts = [...literal.parts.filter(([name]) => !names.has(name)), ...values];
        });
        return;
      case 'done':
        turn(body, place, (literal) => {
          if (literal.state === 'running') literal.lasting = literal.calls.length;
          literal.state = 'done';
          literal.values = values;
        });
        return;
      case 'fail':
        fail(body, place);
        return;
      case 'exit':
        body.successes++;
        if (body.successes === 1) body.shown = [...body.literals];
        if (body.values.length < MAX_VALUES) for (const [, value] of values.slice(-1)) body.values.push(value);
        return;
      default:
        event satisfies never;
    }
  };

  /** Puts a call below the literal that asks for it. */
  #open(caller: CallState): void {
    const call: CallState = { bodies: [] };
    const chain = caller.bodies.at(-1)?.literals;
    const asking = chain === undefined ? undefined : active(chain);
    if (chain === undefined && this.#calls.length === 1) this.#asked ??= call;
    asking?.calls.push(call);
    this.#calls.push(call);
  }

  #eval(body: BodyState, place: TracePlace, values: readonly NamedValue[], input: Value): void {
    const outer = place.parent === undefined ? undefined : this.#places[place.parent];
    const chain =
      outer === undefined || outer === body.place ? body.literals : find(body.literals, outer)?.literal.inner;
    if (chain === undefined) return;
    const index = chain.findIndex((literal) => literal.place === place);
    if (index >= 0) chain.length = index;
    const attempts = (body.attempts.get(place) ?? 0) + 1;
    body.attempts.set(place, attempts);
    chain.push({ place, state: 'running', attempts, values, parts: [], input, inner: [], calls: [], lasting: 0 });
  }
}

interface Found {
  readonly literal: LiteralState;
  readonly chain: LiteralState[];
  readonly index: number;
}

/** The latest literal at a place, however deep. */
const find = (chain: LiteralState[], place: TracePlace): Found | undefined => {
  for (let index = chain.length - 1; index >= 0; index--) {
    const literal = chain[index];
    if (literal === undefined) continue;
    if (literal.place === place) return { literal, chain, index };
    const inner = find(literal.inner, place);
    if (inner !== undefined) return inner;
  }
  return undefined;
};

/** The literal that is being evaluated, the innermost one. */
const active = (chain: readonly LiteralState[]): LiteralState | undefined => {
  const literal = chain.findLast(({ state }) => state !== 'failed') ?? chain.at(-1);
  if (literal === undefined) return undefined;
  const running = literal.inner.some(({ state }) => state !== 'failed') ? active(literal.inner) : undefined;
  return literal.state === 'running' ? (running ?? literal) : literal;
};

/** Changes a literal; one that was done starts its next turn, and what followed on the last one is over. */
const turn = (body: BodyState, place: TracePlace, change: (literal: LiteralState) => void): void => {
  const found = find(body.literals, place);
  if (found === undefined) return;
  const { literal, chain, index } = found;
  if (literal.state === 'running') {
    change(literal);
    return;
  }
  // Attempts that are shown keep the literal as it was.
  const next = { ...literal, inner: [...literal.inner], calls: literal.calls.slice(0, literal.lasting) };
  chain.length = index;
  chain.push(next);
  change(next);
};

const fail = (body: BodyState, place: TracePlace): void => {
  const found = find(body.literals, place);
  // One that was done has no more turns.
  if (found?.literal.state !== 'running') return;
  found.literal.state = 'failed';
  if (found.chain !== body.literals || body.successes > 0) return;
  if (body.shown === undefined || body.literals.length > body.shown.length) body.shown = [...body.literals];
};

const explainCall = (call: CallState): ExplainedCall => ({ bodies: call.bodies.map(explainBody) });

const explainBody = (body: BodyState): ExplainedBody => ({
  place: body.place,
  args: body.args,
  values: body.values,
  successes: body.successes,
  literals: (body.shown ?? body.literals).map((literal) => explainLiteral(literal, body)),
});

const explainLiteral = (literal: LiteralState, body: BodyState): ExplainedLiteral => ({
  place: literal.place,
  succeeded: literal.state === 'done',
  attempts: body.attempts.get(literal.place) ?? literal.attempts,
  values: literal.values,
  parts: literal.parts,
  input: literal.input,
  inner: literal.inner.map((inner) => explainLiteral(inner, body)),
  calls: literal.calls.map(explainCall),
});
