import type { Body, CallTerm, Every, Expr, Head, Module, Rule, Term, With } from '../../ast.ts';
import type { Comment } from '../../parser/index.ts';
import { isConstant } from '../../types/constant.ts';
import { numberFromText } from '../number.ts';
import type { Value } from '../value.ts';

/** The syntax tree of a module as OPA's JSON of it: only comments have locations. `source` is the module's text. */
export function moduleValue(module: Module, source: string, comments: readonly Comment[]): Value {
  const writer = new ModuleWriter(source);
  const imports = module.imports.map(({ path, alias }): Value => ({
    path: writer.term(path),
    ...(alias === undefined ? {} : { alias }),
  }));
  const rules = module.rules.map((rule) => writer.rule(rule));
  return {
    package: { path: [{ type: 'var', value: 'data' }, ...module.package.map(stringValue)] },
    ...(imports.length === 0 ? {} : { imports }),
    ...(rules.length === 0 ? {} : { rules }),
    ...(comments.length === 0 ? {} : { comments: comments.map(commentValue) }),
  };
}

/** The text is bytes to OPA, which JSON has in base64. */
function commentValue({ text, location: { file, row, col } }: Comment): Value {
  return { Text: Buffer.from(text).toString('base64'), Location: { file, row, col } };
}

function stringValue(value: string): Value {
  return { type: 'string', value };
}

class ModuleWriter {
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
  }

  rule(rule: Rule): Value {
    return {
      ...(rule.default ? { default: true } : {}),
      head: this.#head(rule),
      body: this.#body(rule.body),
      ...(rule.else === undefined ? {} : { else: this.rule(rule.else) }),
    };
  }

  #head(rule: Rule): Value {
    const { head } = rule;
    const { name, key } = namesOf(rule);
    return {
      ...(name === undefined ? {} : { name }),
      ref: this.#parts([head.ref.head, ...head.ref.path]),
      ...(head.args === undefined ? {} : { args: this.#parts(head.args) }),
      ...(key === undefined ? {} : { key: this.term(key) }),
      ...(head.value === undefined ? {} : { value: this.term(head.value) }),
      ...(head.assign ? { assign: true } : {}),
    };
  }

  #body(body: Body): Value {
    return body.map((expr, index) => this.#expr(expr, index));
  }

  #expr(expr: Expr, index: number): Value {
    return {
      index,
      terms: this.#statement(expr),
      ...(expr.negated ? { negated: true } : {}),
      ...(expr.generated === true ? { generated: true } : {}),
      ...(expr.with.length === 0 ? {} : { with: expr.with.map((replaced) => this.#with(replaced)) }),
    };
  }

  #with({ target, value }: With): Value {
    return { target: this.term(target), value: this.term(value) };
  }

  #statement({ term }: Expr): Value {
    switch (term.kind) {
      case 'call':
        return this.#call(term);
      case 'some':
        return { symbols: this.#parts(term.symbols) };
      case 'every':
        return this.#every(term);
      case 'not-body':
        return { type: 'not', body: this.#body(term.body), explicit_body: term.implicit !== true };
      case 'and':
      case 'or':
        return {
          type: term.kind,
          lhs: this.#body(term.left),
          rhs: this.#body(term.right),
          ...(this.#isBraced(term.left) && term.implicitLeft !== true ? { explicit_lhs: true } : {}),
          ...(this.#isBraced(term.right) && term.implicitRight !== true ? { explicit_rhs: true } : {}),
        };
      default:
        return this.term(term);
    }
  }

  /** An operand that was written with braces has a brace in front of its first expression. */
  #isBraced(body: Body): boolean {
    const start = body[0]?.location.start ?? 0;
    return this.#source.slice(0, start).trimEnd().endsWith('{');
  }

  #every({ key, value, domain, body }: Every): Value {
    return {
      key: key === undefined ? null : this.term(key),
      value: this.term(value),
      domain: this.term(domain),
      body: this.#body(body),
    };
  }

  #call(call: CallTerm): readonly Value[] {
    const [name = '', ...parts] = call.operator;
    // The operators of `in` are one part here and two there.
    const [first = '', ...rest] = parts.length === 0 ? name.split('.') : call.operator;
    const operator: Value =
      call.operatorRef === undefined
        ? { type: 'ref', value: [{ type: 'var', value: first }, ...rest.map(stringValue)] }
        : this.term(call.operatorRef);
    return [operator, ...this.#parts(call.args)];
  }

  #parts(terms: readonly Term[]): readonly Value[] {
    return terms.map((term) => this.term(term));
  }

  term(term: Term): Value {
    switch (term.kind) {
      case 'null':
        return { type: 'null', value: {} };
      case 'boolean':
      case 'string':
        return { type: term.kind, value: term.value };
      case 'number':
        return { type: 'number', value: numberFromText(term.text) };
      case 'var':
        return { type: 'var', value: term.name };
      case 'ref':
        return { type: 'ref', value: this.#parts([term.head, ...term.path]) };
      case 'array':
      case 'set':
        return { type: term.kind, value: this.#parts(term.items) };
      case 'object':
        return { type: 'object', value: term.entries.map((entry) => this.#parts(entry)) };
      case 'array-comprehension':
        return { type: 'arraycomprehension', value: { term: this.term(term.term), body: this.#body(term.body) } };
      case 'set-comprehension':
        return { type: 'setcomprehension', value: { term: this.term(term.term), body: this.#body(term.body) } };
      case 'object-comprehension':
        return {
          type: 'objectcomprehension',
          value: { key: this.term(term.key), value: this.term(term.value), body: this.#body(term.body) },
        };
      case 'call':
        return { type: 'call', value: this.#call(term) };
      case 'template-string':
        return {
          type: 'templatestring',
          value: {
            multi_line: this.#source.startsWith('$`', term.location.start),
            parts: term.parts.map((part) => this.#templatePart(part)),
          },
        };
      default:
        return term satisfies never;
    }
  }

  #templatePart(part: string | Term | Expr): Value {
    if (typeof part === 'string') return stringValue(part);
    if (part.kind === 'expr') return this.#expr(part, 0);
    if (isScalar(part)) return this.term(part);
    return { index: 0, terms: part.kind === 'call' ? this.#call(part) : this.term(part) };
  }
}

function isScalar({ kind }: Term): boolean {
  return kind === 'null' || kind === 'boolean' || kind === 'number' || kind === 'string';
}

/** The old `name` and `key` of a head, which OPA fills in for some forms. */
function namesOf({ head, body, ...rule }: Rule): { readonly name: string | undefined; readonly key: Term | undefined } {
  const { path } = head.ref;
  const variable = head.ref.head.kind === 'var' ? head.ref.head.name : undefined;
  const [key] = path;
  if (key === undefined || head.key !== undefined) {
    return { name: key === undefined ? variable : undefined, key: head.key };
  }
  if (path.length > 1 || head.args !== undefined || rule.default) return { name: undefined, key: undefined };
  if (body[0]?.generated === true) return { name: variable, key };
  return { name: isValueWritten(head) ? variable : undefined, key: isConstant(key) ? undefined : key };
}

function isValueWritten({ value, location }: Head): boolean {
  return value !== undefined && !(value.kind === 'boolean' && value.value && value.location.start === location.start);
}
