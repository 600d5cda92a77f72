import type { Body, CallTerm, Expr, Term } from './ast.ts';

/** The text of a term as a user could write it, for messages: renamed variables by what was written. */
export const printTerm = (term: Term): string => {
  switch (term.kind) {
    case 'null':
      return 'null';
    case 'boolean':
      return String(term.value);
    case 'number':
      return term.text;
    case 'string':
      return JSON.stringify(term.value);
    case 'var':
      return printVar(term.original ?? term.name);
    case 'ref':
      return printRef(term.head, term.path);
    case 'array':
      return `[${term.items.map(printTerm).join(', ')}]`;
    case 'set':
      return term.items.length === 0 ? 'set()' : `{${term.items.map(printTerm).join(', ')}}`;
    case 'object':
      return `{${term.entries.map(([key, value]) => `${printTerm(key)}: ${printTerm(value)}`).join(', ')}}`;
    case 'array-comprehension':
      return `[${printTerm(term.term)} | ${printBody(term.body)}]`;
    case 'set-comprehension':
      return `{${printTerm(term.term)} | ${printBody(term.body)}}`;
    case 'object-comprehension':
      return `{${printTerm(term.key)}: ${printTerm(term.value)} | ${printBody(term.body)}}`;
    case 'call':
      return `${printOperator(term)}(${term.args.map(printTerm).join(', ')})`;
    case 'template-string':
      return '$"…"';
    default:
      return term satisfies never;
  }
};

/** The name of what a call calls. */
export const printOperator = (call: CallTerm): string =>
  call.operatorRef === undefined ? printPath(call.operator) : printTerm(call.operatorRef);

const printVar = (name: string): string => (name.startsWith('$') || name.startsWith('@') ? '_' : name);

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;

const printPart = (part: Term): string =>
  part.kind === 'string' && IDENTIFIER.test(part.value) ? `.${part.value}` : `[${printTerm(part)}]`;

const printRef = (head: Term, path: readonly Term[]): string => printTerm(head) + path.map(printPart).join('');

/** A dotted name; parts that are no identifiers in brackets: `data.a["b c"]`. */
export const printPath = ([first = '', ...rest]: readonly string[]): string =>
  first + rest.map((part) => (IDENTIFIER.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`)).join('');

/** The text of a body's literals. */
export const printBody = (body: Body): string => body.map(printExpr).join('; ');

const printExpr = (expr: Expr): string => {
  const { term } = expr;
  const not = expr.negated ? 'not ' : '';
  const withs = expr.with.map((w) => ` with ${printTerm(w.target)} as ${printTerm(w.value)}`).join('');
  switch (term.kind) {
    case 'some':
      return `some ${term.symbols.map(printTerm).join(', ')}${withs}`;
    case 'every': {
      const key = term.key === undefined ? '' : `${printTerm(term.key)}, `;
      return `every ${key}${printTerm(term.value)} in ${printTerm(term.domain)} { ${printBody(term.body)} }${withs}`;
    }
    case 'not-body':
      return `not { ${printBody(term.body)} }${withs}`;
    case 'and':
    case 'or':
      return `{ ${printBody(term.left)} } ${term.kind} { ${printBody(term.right)} }${withs}`;
    default:
      return `${not}${printTerm(term)}${withs}`;
  }
};
