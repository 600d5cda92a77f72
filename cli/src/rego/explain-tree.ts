import type { Value } from '@edict/rego';
import type { ExplainedBody, ExplainedCall, ExplainedLiteral, NamedValue, TracePlace } from '@edict/rego/tools';
import { isPlainObject } from '@edict/rego/tools';
import { stringify } from '@edict/rego/values';
import { printPlace } from './problems.ts';

/** What was evaluated, to be printed as a tree. */
export interface ExplainedQuery {
  readonly root: ExplainedCall;
  /** Documents by their path below `data`, with dots. */
  readonly documents: ReadonlyMap<string, ExplainedCall>;
}

/** Longest text of a value in a tree. */
const MAX_VALUE_LENGTH = 120;
/** Deepest indentation; what is below is left out. */
const MAX_DEPTH = 24;

/**
 * Prints which rules and literals decided: each rule with its place and what it gave, and below it the literals of the
 * attempt that succeeded or else came furthest, with their outcome and with the values that they saw.
 */
export function printExplanation({ root, documents }: ExplainedQuery): string {
  const printer = new TreePrinter(documents);
  for (const body of root.bodies) printer.query(body);
  return `${printer.lines.join('\n')}\n`;
}

/** The literals of one rule or query as a tree, for who has said already which rule it is. */
export function printBody(body: ExplainedBody, documents: ReadonlyMap<string, ExplainedCall>, indent: number): string {
  const printer = new TreePrinter(documents);
  printer.literals(body.literals, indent);
  return printer.lines.map((line) => `${line}\n`).join('');
}

/** One literal on a line, with the values that it saw. */
export function printLiteral(literal: ExplainedLiteral): string {
  const { place, succeeded, attempts } = literal;
  const seen = [...literal.values, ...literal.parts, ...refsOf(literal)];
  const more = attempts > 1 ? [`${succeeded ? 'tried' : 'failed'} ${times(attempts, 'time')}`] : [];
  const said = [...uniqueNames(seen).map(printNamed), ...more].join(', ');
  const mark = succeeded ? '✓' : '✗';
  return `${mark} ${place.location.row}: ${oneLine(place.text)}${said === '' ? '' : `   [${said}]`}`;
}

/** What stands at the places of the input, and of variables, that a literal reads. */
function refsOf({ place, input, values }: ExplainedLiteral): readonly NamedValue[] {
  const known = new Map(values);
  return place.refs.flatMap(({ text, head, path }): readonly NamedValue[] => {
    if (head === 'data') return [];
    const from = head === 'input' ? input : known.get(head);
    if (head !== 'input' && !known.has(head)) return [];
    return [[text, memberAt(from, path)]];
  });
}

class TreePrinter {
  readonly lines: string[] = [];
  readonly #documents: ReadonlyMap<string, ExplainedCall>;
  readonly #shown = new Set<ExplainedCall>();

  constructor(documents: ReadonlyMap<string, ExplainedCall>) {
    this.#documents = documents;
  }

  query(body: ExplainedBody): void {
    const outcome = body.successes === 0 ? 'undefined' : times(body.successes, 'row');
    this.#line(0, `query ${oneLine(body.place.text)}: ${outcome}`);
    this.literals(body.literals, 1);
  }

  literals(literals: readonly ExplainedLiteral[], depth: number): void {
    for (const literal of literals) this.#literal(literal, depth);
  }

  #literal(literal: ExplainedLiteral, depth: number): void {
    const { place, inner, calls } = literal;
    this.#line(depth, printLiteral(literal));
    this.literals(inner, depth + 1);
    const below = calls.length > 0 ? calls : this.#known(place);
    for (const call of below) this.#call(call, depth + 1);
  }

  /** Rules of one document: all that were tried. */
  #call(call: ExplainedCall, depth: number): void {
    // A document is evaluated once: wherever else it is asked for, its value is known.
    const isFunction = call.bodies.some(({ args }) => args.length > 0);
    if (this.#shown.has(call) && !isFunction) {
      const [body] = call.bodies;
      if (body !== undefined) this.#line(depth, `${body.place.text}: see above`);
      return;
    }
    this.#shown.add(call);
    for (const body of call.bodies) this.#body(body, depth);
  }

  #body(body: ExplainedBody, depth: number): void {
    const { place, values, successes, args } = body;
    const [value] = values;
    const given = args.length === 0 ? '' : `(${args.map(([, arg]) => printValue(arg)).join(', ')})`;
    const rest = successes > 1 ? ` and ${times(successes - 1, 'more')}` : '';
    const outcome = successes === 0 ? 'undefined' : `${printValue(value)}${rest}`;
    const kind = place.isDefault ? 'default ' : '';
    this.#line(depth, `${kind}${place.text}${given} at ${printPlace(place.location)}: ${outcome}`);
    this.literals(body.literals, depth + 1);
  }

  /** Documents that a literal reads, that were evaluated before, and that no line has shown. */
  #known({ refs }: TracePlace): readonly ExplainedCall[] {
    return refs.flatMap(({ head, path }) => {
      if (head !== 'data') return [];
      for (let length = path.length; length > 0; length--) {
        const call = this.#documents.get(path.slice(0, length).join('.'));
        if (call !== undefined) return [call];
      }
      return [];
    });
  }

  #line(depth: number, text: string): void {
    if (depth <= MAX_DEPTH) this.lines.push(`${'  '.repeat(depth)}${text}`);
    else if (depth === MAX_DEPTH + 1) this.lines.push(`${'  '.repeat(depth)}…`);
  }
}

function uniqueNames(values: readonly NamedValue[]): readonly NamedValue[] {
  return [...new Map(values)];
}

function printNamed([name, value]: NamedValue): string {
  return `${oneLine(name)} = ${printValue(value)}`;
}

/** A value as JSON, cut where it is long. */
export function printValue(value: Value): string {
  if (value === undefined) return 'undefined';
  const text = stringify(value);
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}

/** A text of several lines on one, with single spaces. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function times(count: number, word: string): string {
  return word === 'more' ? `${count} more` : `${count} ${word}${count === 1 ? '' : 's'}`;
}

function memberAt(value: Value, path: readonly string[]): Value {
  let at = value;
  for (const part of path) {
    if (at === undefined || !isPlainObject(at) || !Object.hasOwn(at, part)) return undefined;
    at = at[part];
  }
  return at;
}
