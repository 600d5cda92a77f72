import { compareNumbers, isNumber, numberText, RegoNumber } from '../number.ts';
import { stringify } from '../json.ts';
import { equals, getMember, isPlainObject, objectKeys, compareStrings, type Value } from '../value.ts';
import { goFormat, type FormatArgument } from './go-format.ts';
import {
  TemplateProblem,
  type Template,
  type TemplateNode,
  type TemplateOperand,
  type TemplatePipeline,
} from './template-parse.ts';
import { utf8Length } from './utf8.ts';

/** Longest text that a template makes, in UTF-16 units. */
export const MAX_TEMPLATE_OUTPUT = 16 * 1024 * 1024;

/** Most nodes that one rendering runs through, and deepest nesting of templates. */
export const MAX_TEMPLATE_STEPS = 1_000_000;
const MAX_TEMPLATE_DEPTH = 200;

/** Renders a template with JSON values. Throws a TemplateProblem. */
export function runTemplate(template: Template, data: Value): string {
  const runner = new Runner(template);
  runner.run(template.nodes, data, new Scope(undefined).declare('', data), 0);
  return runner.output;
}

/** Variables by name; assignment reaches the scope that declared the variable. */
class Scope {
  readonly #parent: Scope | undefined;
  readonly #values = new Map<string, Value | undefined>();

  constructor(parent: Scope | undefined) {
    this.#parent = parent;
  }

  declare(name: string, value: Value | undefined): this {
    this.#values.set(name, value);
    return this;
  }

  assign(name: string, value: Value | undefined): void {
    if (this.#values.has(name)) this.#values.set(name, value);
    else if (this.#parent === undefined) throw problem(`undefined variable "$${name}"`);
    else this.#parent.assign(name, value);
  }

  get(name: string): Value | undefined {
    if (this.#values.has(name)) return this.#values.get(name);
    if (this.#parent === undefined) throw problem(`undefined variable "$${name}"`);
    return this.#parent.get(name);
  }
}

function problem(message: string): TemplateProblem {
  return new TemplateProblem(`template: template: executing "template": ${message}`);
}

type Signal = 'break' | 'continue' | undefined;

class Runner {
  readonly #template: Template;
  #steps = 0;
  output = '';

  constructor(template: Template) {
    this.#template = template;
  }

  run(nodes: readonly TemplateNode[], dot: Value | undefined, scope: Scope, depth: number): Signal {
    if (depth > MAX_TEMPLATE_DEPTH) throw problem('exceeded maximum template depth');
    for (const node of nodes) {
      this.#step();
      const signal = this.#node(node, dot, scope, depth);
      if (signal !== undefined) return signal;
    }
    return undefined;
  }

  #node(node: TemplateNode, dot: Value | undefined, scope: Scope, depth: number): Signal {
    switch (node.kind) {
      case 'text':
        this.#write(node.text);
        return undefined;
      case 'action': {
        const value = this.#pipeline(node.pipeline, dot, scope);
        if (node.pipeline.variables.length === 0) this.#write(printed(value));
        return undefined;
      }
      case 'if':
      case 'with': {
        const inner = new Scope(scope);
        const value = this.#pipeline(node.pipeline, dot, inner);
        if (!isTrue(value)) return this.run(node.otherwise, dot, new Scope(scope), depth + 1);
        return this.run(node.body, node.kind === 'with' ? value : dot, inner, depth + 1);
      }
      case 'range':
        return this.#range(node, dot, scope, depth);
      case 'template': {
        const nodes = this.#template.definitions.get(node.name);
        if (nodes === undefined) throw problem(`template "${node.name}" not defined`);
        const value = node.pipeline === undefined ? null : this.#pipeline(node.pipeline, dot, scope);
        this.run(nodes, value, new Scope(undefined).declare('', value), depth + 1);
        return undefined;
      }
      default:
        return node.kind;
    }
  }

  #range(
    node: TemplateNode & { readonly kind: 'if' | 'range' | 'with' },
    dot: Value | undefined,
    scope: Scope,
    depth: number,
  ): Signal {
    const value = this.#commands(node.pipeline, dot, scope);
    const entries = entriesOf(value);
    if (entries.length === 0) return this.run(node.otherwise, dot, new Scope(scope), depth + 1);
    const names = node.pipeline.variables;
    for (const [key, element] of entries) {
      this.#step();
      const inner = new Scope(scope);
      const [first, second] = names;
      if (second !== undefined) inner.declare(first ?? '', key).declare(second, element);
      else if (first !== undefined) inner.declare(first, element);
      if (this.run(node.body, element, inner, depth + 1) === 'break') break;
    }
    return undefined;
  }

  #pipeline(pipeline: TemplatePipeline, dot: Value | undefined, scope: Scope): Value | undefined {
    const value = this.#commands(pipeline, dot, scope);
    for (const name of pipeline.variables) {
      if (pipeline.isDeclaration) scope.declare(name, value);
      else scope.assign(name, value);
    }
    return value;
  }

  #commands(pipeline: TemplatePipeline, dot: Value | undefined, scope: Scope): Value | undefined {
    let value: Value | undefined;
    for (const [index, command] of pipeline.commands.entries()) {
      const piped = index === 0 ? [] : [value];
      value = this.#command(command, piped, dot, scope);
    }
    return value;
  }

  #command(
    command: readonly TemplateOperand[],
    piped: readonly (Value | undefined)[],
    dot: Value | undefined,
    scope: Scope,
  ): Value | undefined {
    const [first, ...rest] = command;
    if (first?.kind === 'function') return this.#call(first.name, rest, piped, dot, scope);
    if (first === undefined || rest.length > 0 || piped.length > 0) {
      throw problem("can't give argument to non-function");
    }
    return this.#operand(first, dot, scope);
  }

  #call(
    name: string,
    operands: readonly TemplateOperand[],
    piped: readonly (Value | undefined)[],
    dot: Value | undefined,
    scope: Scope,
  ): Value | undefined {
    if (name === 'and' || name === 'or') {
      // Evaluates no further than needed.
      let value: Value | undefined;
      for (const operand of operands) {
        value = this.#operand(operand, dot, scope);
        if (isTrue(value) === (name === 'or')) return value;
      }
      return piped.length > 0 ? piped[0] : value;
    }
    return callFunction(name, [...operands.map((operand) => this.#operand(operand, dot, scope)), ...piped]);
  }

  #operand(operand: TemplateOperand, dot: Value | undefined, scope: Scope): Value | undefined {
    switch (operand.kind) {
      case 'literal':
        return operand.value;
      case 'field':
        return follow(dot, operand.names);
      case 'variable':
        return follow(scope.get(operand.name), operand.names);
      case 'group':
        return follow(this.#pipeline(operand.pipeline, dot, scope), operand.names);
      case 'function':
        return this.#call(operand.name, [], [], dot, scope);
    }
  }

  #step(): void {
    if (++this.#steps > MAX_TEMPLATE_STEPS) throw problem('exceeded maximum template steps');
  }

  #write(text: string): void {
    this.output += text;
    if (this.output.length > MAX_TEMPLATE_OUTPUT) throw problem('output is too long');
  }
}

function follow(value: Value | undefined, names: readonly string[]): Value | undefined {
  let current = value;
  for (const name of names) {
    if (current === undefined || current === null) throw problem(`nil data; no entry for key "${name}"`);
    if (!isPlainObject(current)) throw problem(`can't evaluate field ${name} in type ${goType(current)}`);
    current = getMember(current, name);
  }
  return current;
}

function goType(value: Value): string {
  if (isNumber(value)) return 'json.Number';
  if (Array.isArray(value)) return '[]interface {}';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function isTrue(value: Value | undefined): boolean {
  if (value === undefined || value === null || value === false || value === '') return false;
  // Numbers of the data are texts for Go, and "0" is not empty; numbers of the template are numbers.
  if (isNumber(value)) return compareNumbers(value, 0) !== 0;
  if (Array.isArray(value)) return value.length > 0;
  return !isPlainObject(value) || Object.keys(value).length > 0;
}

function entriesOf(value: Value | undefined): readonly (readonly [Value, Value])[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return (value as readonly Value[]).map((element, index) => [index, element] as const);
  if (isPlainObject(value)) return objectKeys(value).map((key) => [key, value[key]] as const);
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TEMPLATE_STEPS) {
    return Array.from({ length: value }, (_unused, index) => [index, index] as const);
  }
  throw problem(`range can't iterate over ${printed(value)}`);
}

/** How Go prints a value: `<no value>` for nothing, maps and slices as `map[a:1]` and `[1 2]`. */
function printed(value: Value | undefined): string {
  return value === undefined || value === null ? '<no value>' : displayed(value);
}

function displayed(value: Value | undefined): string {
  if (value === undefined || value === null) return '<nil>';
  if (typeof value === 'string') return value;
  if (isNumber(value)) return numberText(value);
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(displayed).join(' ')}]`;
  if (isPlainObject(value))
    return `map[${objectKeys(value)
      .map((key) => `${key}:${displayed(value[key])}`)
      .join(' ')}]`;
  return stringify(value);
}

function callFunction(name: string, args: readonly (Value | undefined)[]): Value | undefined {
  const [first, second] = args;
  switch (name) {
    case 'not':
      return !isTrue(first);
    case 'len':
      return lengthOf(first);
    case 'index':
      return args.slice(1).reduce<Value | undefined>(elementAt, first);
    case 'slice':
      return sliceOf(first, args.slice(1));
    case 'print':
      return args.map(displayed).join('');
    case 'println':
      return `${args.map(displayed).join(' ')}\n`;
    case 'printf':
      return goFormat(String(first), args.slice(1).map(formatArgument));
    case 'html':
      return args
        .map(printed)
        .join('')
        .replace(/[&<>"']/g, (char) => `&#${String(char.charCodeAt(0))};`)
        .replaceAll('&#38;', '&amp;')
        .replaceAll('&#60;', '&lt;')
        .replaceAll('&#62;', '&gt;');
    case 'js':
      return args
        .map(printed)
        .join('')
        .replace(/[\\'"<>&=\n\r\t]/g, escapeScript);
    case 'urlquery':
      return encodeURIComponent(args.map(printed).join('').toWellFormed()).replaceAll('%20', '+');
    case 'eq':
      return args.slice(1).some((other) => isEqual(first, other));
    case 'ne':
      return !isEqual(first, second);
    case 'lt':
      return order(first, second) < 0;
    case 'le':
      return order(first, second) <= 0;
    case 'gt':
      return order(first, second) > 0;
    default:
      return order(first, second) >= 0;
  }
}

function escapeScript(char: string): string {
  if (/[\\'"]/.test(char)) return `\\${char}`;
  return `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function lengthOf(value: Value | undefined): number {
  if (typeof value === 'string') return utf8Length(value);
  if (Array.isArray(value)) return value.length;
  if (isPlainObject(value)) return Object.keys(value).length;
  throw problem(`error calling len: len of type ${goType(value)}`);
}

function elementAt(value: Value | undefined, key: Value | undefined): Value | undefined {
  if (Array.isArray(value)) {
    const index = isNumber(key) ? Number(numberText(key)) : Number.NaN;
    const element: Value | undefined = (value as readonly Value[])[index];
    if (element !== undefined) return element;
    throw problem(`error calling index: index out of range: ${displayed(key)}`);
  }
  if (isPlainObject(value) && typeof key === 'string') return getMember(value, key);
  throw problem(`error calling index: can't index item of type ${goType(value)}`);
}

function sliceOf(value: Value | undefined, bounds: readonly (Value | undefined)[]): Value {
  const [from = 0, to] = bounds.map((bound) => (isNumber(bound) ? Number(numberText(bound)) : Number.NaN));
  if (typeof value === 'string' || Array.isArray(value)) {
    const end = to ?? value.length;
    if (from >= 0 && end <= value.length && from <= end) return value.slice(from, end);
    throw problem('error calling slice: index out of range');
  }
  throw problem(`error calling slice: can't slice item of type ${goType(value)}`);
}

function formatArgument(value: Value | undefined): FormatArgument {
  if (typeof value === 'number') {
    return Number.isInteger(value) ? { type: 'int64', value: BigInt(value) } : { type: 'float64', value };
  }
  return { type: 'string', value: value instanceof RegoNumber ? value.text : displayed(value) };
}

function isEqual(a: Value | undefined, b: Value | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equals(a, b);
}

function order(a: Value | undefined, b: Value | undefined): number {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b);
  throw problem('error calling comparison: incompatible types for comparison');
}
