/** What a pipeline is made of. */
export type TemplateOperand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  /** `.a.b`; `.` has no names. */
  | { readonly kind: 'field'; readonly names: readonly string[] }
  /** `$x.a`; `$` is called "". */
  | { readonly kind: 'variable'; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: 'group'; readonly pipeline: TemplatePipeline; readonly names: readonly string[] }
  | { readonly kind: 'function'; readonly name: string };

/** Commands joined by `|`, with the variables that the result is given to. */
export interface TemplatePipeline {
  readonly variables: readonly string[];
  readonly isDeclaration: boolean;
  readonly commands: readonly (readonly TemplateOperand[])[];
}

/** A piece of a template. */
export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: TemplatePipeline }
  | {
      readonly kind: 'if' | 'range' | 'with';
      readonly pipeline: TemplatePipeline;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    }
  | { readonly kind: 'template'; readonly name: string; readonly pipeline: TemplatePipeline | undefined }
  | { readonly kind: 'break' | 'continue' };

/** A parsed template: its own nodes and those that it defines by name. */
export interface Template {
  readonly nodes: readonly TemplateNode[];
  readonly definitions: ReadonlyMap<string, readonly TemplateNode[]>;
}

/** Names of the functions that templates can call. */
export const TEMPLATE_FUNCTIONS: ReadonlySet<string> = new Set([
  'and',
  'or',
  'not',
  'len',
  'index',
  'slice',
  'print',
  'printf',
  'println',
  'html',
  'js',
  'urlquery',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
]);

/** Why a template cannot be parsed. */
export class TemplateProblem extends Error {
  override readonly name = 'TemplateProblem';
}

/** Parses a template of Go's text/template. Throws a TemplateProblem. */
export function parseTemplate(source: string): Template {
  return new TemplateParser(splitActions(source)).parse();
}

interface Piece {
  readonly kind: 'text' | 'action';
  readonly text: string;
  readonly line: number;
}

/** Divides at `{{` and `}}`, takes comments out, and trims white space where `{{-` and `-}}` say so. */
function splitActions(source: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let rest = source;
  let line = 1;
  let trimNext = false;
  const addText = (text: string): void => {
    const trimmed = trimNext ? text.trimStart() : text;
    if (trimmed !== '') pieces.push({ kind: 'text', text: trimmed, line });
    line += text.split('\n').length - 1;
  };
  for (let open = rest.indexOf('{{'); open >= 0; open = rest.indexOf('{{')) {
    const before = rest.slice(0, open);
    const trimsBefore = /^\{\{-\s/.test(rest.slice(open, open + 4));
    addText(trimsBefore ? before.trimEnd() : before);
    const inner = rest.slice(open + (trimsBefore ? 3 : 2));
    const close = findClose(inner);
    if (close < 0) throw new TemplateProblem(`template: template:${String(line)}: unclosed action`);
    const action = inner.slice(0, close);
    trimNext = /\s-$/.test(action);
    const text = (trimNext ? action.slice(0, -1) : action).trim();
    if (!text.startsWith('/*')) pieces.push({ kind: 'action', text, line });
    line += action.split('\n').length - 1;
    rest = inner.slice(close + 2);
  }
  addText(rest);
  return pieces;
}

/** Where `}}` stands outside of quotes and comments. */
function findClose(text: string): number {
  const match =
    /^(?:\s*\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|(?!\}\})[\s\S])*?(?=\}\})/.exec(text);
  return match === null ? -1 : match[0].length;
}

class TemplateParser {
  readonly #pieces: readonly Piece[];
  readonly #definitions = new Map<string, readonly TemplateNode[]>();
  #at = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  parse(): Template {
    const { nodes, end } = this.#list();
    if (end !== undefined) throw this.#problem(`unexpected {{${end}}}`);
    return { nodes, definitions: this.#definitions };
  }

  /** Reads up to `end` or `else`, which it gives back. */
  #list(): { readonly nodes: TemplateNode[]; readonly end: string | undefined } {
    const nodes: TemplateNode[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined) return { nodes, end: undefined };
      this.#at++;
      if (piece.kind === 'text') nodes.push({ kind: 'text', text: piece.text });
      else if (/^(?:end|else)\b/.test(piece.text)) return { nodes, end: piece.text };
      else {
        const node = this.#action(piece);
        if (node !== undefined) nodes.push(node);
      }
    }
  }

  #action({ text }: Piece): TemplateNode | undefined {
    const keyword = /^(if|range|with|define|template|block|break|continue)\b\s*([\s\S]*)$/.exec(text);
    if (keyword === null) return { kind: 'action', pipeline: this.#pipeline(text) };
    const [, word = '', rest = ''] = keyword;
    switch (word) {
      case 'if':
      case 'range':
      case 'with':
        return this.#control(word, rest);
      case 'define': {
        this.#definitions.set(this.#name(rest).name, this.#body());
        return undefined;
      }
      case 'block': {
        const { name, rest: argument } = this.#name(rest);
        this.#definitions.set(name, this.#body());
        return { kind: 'template', name, pipeline: this.#pipeline(argument) };
      }
      case 'template': {
        const { name, rest: argument } = this.#name(rest);
        return { kind: 'template', name, pipeline: argument === '' ? undefined : this.#pipeline(argument) };
      }
      default:
        return { kind: word as 'break' | 'continue' };
    }
  }

  #control(kind: 'if' | 'range' | 'with', rest: string): TemplateNode {
    const pipeline = this.#pipeline(rest);
    const { nodes: body, end } = this.#list();
    if (end === undefined) throw this.#problem('unexpected EOF');
    if (end === 'end') return { kind, pipeline, body, otherwise: [] };
    const chained = /^else\s+(if|with)\b\s*([\s\S]*)$/.exec(end);
    if (chained !== null) {
      return {
        kind,
        pipeline,
        body,
        otherwise: [this.#control(chained[1] === 'if' ? 'if' : 'with', chained[2] ?? '')],
      };
    }
    const { nodes: otherwise, end: last } = this.#list();
    if (last !== 'end') throw this.#problem('expected end; found {{else}}');
    return { kind, pipeline, body, otherwise };
  }

  #body(): readonly TemplateNode[] {
    const { nodes, end } = this.#list();
    if (end !== 'end') throw this.#problem('unexpected EOF');
    return nodes;
  }

  #name(text: string): { readonly name: string; readonly rest: string } {
    const match = /^("(?:[^"\\]|\\.)*"|`[^`]*`)\s*([\s\S]*)$/.exec(text);
    if (match === null) throw this.#problem('unexpected token in template clause');
    return { name: unquote(match[1] ?? ''), rest: match[2] ?? '' };
  }

  #pipeline(text: string): TemplatePipeline {
    const tokens = tokenize(text);
    if (tokens === undefined) throw this.#problem(`unexpected ${JSON.stringify(text)} in operand`);
    const reader = new PipelineReader(tokens, (message) => this.#problem(message));
    return reader.read();
  }

  #problem(message: string): TemplateProblem {
    const line = this.#pieces[this.#at - 1]?.line ?? 1;
    return new TemplateProblem(`template: template:${String(line)}: ${message}`);
  }
}

const TOKEN =
  /\s+|:=|[=|(),]|"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)*'|\$[\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)*|(?:\.[\p{L}_][\p{L}\p{N}_]*)+|\.|[-+]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|[\p{L}_][\p{L}\p{N}_]*/uy;

function tokenize(text: string): readonly string[] | undefined {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    if (match === null) return undefined;
    tokens.push(/^\s/.test(match[0]) ? ' ' : match[0]);
  }
  return tokens;
}

class PipelineReader {
  readonly #tokens: readonly string[];
  readonly #problem: (message: string) => TemplateProblem;
  #at = 0;

  constructor(tokens: readonly string[], problem: (message: string) => TemplateProblem) {
    this.#tokens = tokens;
    this.#problem = problem;
  }

  read(): TemplatePipeline {
    const pipeline = this.#pipeline();
    if (this.#at < this.#tokens.length)
      throw this.#problem(`unexpected ${JSON.stringify(this.#tokens[this.#at])} in operand`);
    return pipeline;
  }

  #pipeline(): TemplatePipeline {
    const { variables, isDeclaration } = this.#targets();
    const commands: TemplateOperand[][] = [];
    for (;;) {
      const command = this.#command();
      if (command.length === 0) throw this.#problem('missing value for command');
      commands.push(command);
      if (this.#tokens[this.#at] !== '|') return { variables, isDeclaration, commands };
      this.#at++;
    }
  }

  /** `$x := `, `$i, $x := ` or `$x = `. */
  #targets(): { readonly variables: readonly string[]; readonly isDeclaration: boolean } {
    const head = this.#tokens.slice(this.#at).join('');
    const match = /^ ?(\$[\p{L}\p{N}_]*)(?: ?, ?(\$[\p{L}\p{N}_]*))? ?(:?=)/u.exec(head);
    if (match === null) return { variables: [], isDeclaration: false };
    while (this.#tokens[this.#at] !== match[3]) this.#at++;
    this.#at++;
    const variables = [match[1], match[2]].filter((name) => name !== undefined).map((name) => name.slice(1));
    return { variables, isDeclaration: match[3] === ':=' };
  }

  #command(): TemplateOperand[] {
    const operands: TemplateOperand[] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token === undefined || token === '|' || token === ')') return operands;
      this.#at++;
      if (token !== ' ') operands.push(this.#operand(token));
    }
  }

  #operand(token: string): TemplateOperand {
    if (token === '(') {
      const pipeline = this.#pipeline();
      if (this.#tokens[this.#at] !== ')') throw this.#problem('unclosed left paren');
      this.#at++;
      const chain = this.#tokens[this.#at] ?? '';
      if (!/^\../.test(chain)) return { kind: 'group', pipeline, names: [] };
      this.#at++;
      return { kind: 'group', pipeline, names: chain.slice(1).split('.') };
    }
    if (token === '.') return { kind: 'field', names: [] };
    if (token.startsWith('.')) return { kind: 'field', names: token.slice(1).split('.') };
    if (token.startsWith('$')) {
      const [name = '', ...names] = token.slice(1).split('.');
      return { kind: 'variable', name, names };
    }
    if (/^["`]/.test(token)) return { kind: 'literal', value: unquote(token) };
    if (token.startsWith("'")) return { kind: 'literal', value: unquote(token).codePointAt(0) ?? 0 };
    if (/^[-+\d]/.test(token)) return { kind: 'literal', value: Number(token) };
    if (token === 'true' || token === 'false') return { kind: 'literal', value: token === 'true' };
    if (token === 'nil') return { kind: 'literal', value: null };
    if (TEMPLATE_FUNCTIONS.has(token)) return { kind: 'function', name: token };
    if (/^[\p{L}_]/u.test(token)) throw this.#problem(`function ${JSON.stringify(token)} not defined`);
    throw this.#problem(`unexpected ${JSON.stringify(token)} in operand`);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unquote(token: string): string {
  const inner = token.slice(1, -1);
  if (token.startsWith('`')) return inner;
  return inner.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/g,
    (_whole, ...groups: string[]) => {
      const [x, u, wide, char = ''] = groups;
      const code = x ?? u ?? wide;
      return code === undefined ? (ESCAPES[char] ?? char) : String.fromCodePoint(Number.parseInt(code, 16));
    },
  );
}
