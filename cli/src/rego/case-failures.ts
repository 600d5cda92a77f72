import type { Value } from '@edict/rego';
import type { ExplainedLiteral, NamedValue, TraceListener, TracePlace } from '@edict/rego/tools';

interface CaseState {
  readonly name: string;
  failed: ExplainedLiteral | undefined;
}

interface LiteralState {
  readonly values: readonly NamedValue[];
  readonly input: Value;
  parts: readonly NamedValue[];
  isDone: boolean;
}

/** Finds the literal at which each case of a test failed: the first that does behind the point where the case is known. */
export class CaseFailures {
  readonly #places: readonly TracePlace[];
  readonly #literals = new Map<number, LiteralState>();
  readonly #failures = new Map<string, ExplainedLiteral>();
  #current: CaseState | undefined;

  constructor(places: readonly TracePlace[]) {
    this.#places = places;
  }

  /** By the names of cases, joined: see {@link caseKey}. */
  get failures(): ReadonlyMap<string, ExplainedLiteral> {
    this.#end();
    return this.#failures;
  }

  /** The test has come to a case. */
  readonly testCase = (names: readonly string[]): void => {
    this.#end();
    this.#current = { name: caseKey(names), failed: undefined };
  };

  readonly listener: TraceListener = (number, event, values, input) => {
    const place = this.#places[number];
    // Literals of the test itself, not of what it asks for or of what stands inside of them.
    if (place?.parent === undefined || this.#places[place.parent]?.kind !== 'rule') return;
    if (event === 'eval') {
      this.#literals.set(number, { values, input, parts: [], isDone: false });
      return;
    }
    const literal = this.#literals.get(number);
    if (literal === undefined) return;
    if (event === 'note') literal.parts = [...literal.parts, ...values];
    else if (event === 'done') literal.isDone = true;
    // Behind a success it only says that there is no further one.
    else if (event === 'fail' && !literal.isDone) this.#fail(place, literal);
  };

  /** What a literal asks for fails before the literal does: the last one counts. */
  #fail(place: TracePlace, { values, parts, input }: LiteralState): void {
    if (this.#current === undefined) return;
    this.#current.failed = { place, succeeded: false, attempts: 1, values, parts, input, inner: [], calls: [] };
  }

  #end(): void {
    if (this.#current?.failed !== undefined) this.#failures.set(this.#current.name, this.#current.failed);
    this.#current = undefined;
  }
}

/** The names of a case as one text. */
export function caseKey(names: readonly string[]): string {
  return JSON.stringify(names);
}
