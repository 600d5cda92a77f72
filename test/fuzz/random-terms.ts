import { calls, type ArgumentKind } from './random-calls.ts';
import { fields, numberTexts, smallNumberTexts, stringTexts } from './random-json.ts';
import type { RandomSource } from './random-source.ts';

/** A function of the module, by its name and how many arguments it takes. */
export interface RandomFunction {
  readonly name: string;
  readonly arity: number;
}

/** What later rules may use, so that there is no recursion, and what the module's imports allow. */
export interface Surroundings {
  readonly documents: string[];
  readonly functions: RandomFunction[];
  readonly logical: boolean;
  readonly improvedNot: boolean;
}

const comparisons = ['==', '!=', '<', '<=', '>', '>=', '==', '=='] as const;

/** Makes terms and literals. `scope` holds the vars that have a value where the text stands. */
export class RandomTerms {
  readonly #random: RandomSource;
  readonly #around: Surroundings;
  #names = 0;

  constructor(random: RandomSource, around: Surroundings) {
    this.#random = random;
    this.#around = around;
  }

  fresh(): string {
    return `v${String(this.#names++)}`;
  }

  /** A body; the vars that it binds are added to the scope. */
  body(scope: string[], most: number): readonly string[] {
    return this.#random.some(1, most, () => this.literal(scope, 2));
  }

  // Literals

  literal(scope: string[], depth: number): string {
    const random = this.#random;
    switch (random.below(24)) {
      case 0:
      case 1: {
        const domain = this.collection(scope, depth);
        const names = random.chance(0.5) ? [this.fresh()] : [this.fresh(), this.fresh()];
        scope.push(...names);
        return `some ${names.join(', ')} in ${domain}`;
      }
      case 2:
      case 3: {
        const term = this.term(scope, depth);
        return `${this.#bind(scope)} := ${term}`;
      }
      case 4:
        return this.#negation(scope, depth);
      case 5: {
        const name = this.fresh();
        const inner = [...scope, name];
        const tests = random.some(1, 2, () => `${name} ${random.pick(comparisons)} ${this.term(inner, 0)}`);
        const key = random.chance(0.2) ? `${this.fresh()}k` : '';
        const body = [...tests, ...(key === '' ? [] : [`${key} != ${this.term(inner, 0)}`]), this.test(inner, 1)];
        return `every ${key === '' ? '' : `${key}, `}${name} in ${this.collection(scope, depth)} { ${body.join('; ')} }`;
      }
      case 6: {
        const domain = this.collection(scope, 0);
        const name = this.#bind(scope);
        return /[})\]]$/.test(domain) && domain.startsWith('(') ? `${name} := 1` : `${domain}[${name}]`;
      }
      case 7: {
        const term = this.term(scope, depth);
        const name = this.#bind(scope);
        return random.chance(0.5) ? `[${name}, _] = [${term}, 1]` : `{"k": ${name}} = {"k": ${term}}`;
      }
      case 8:
      case 9:
        return this.#withLiteral(scope, depth);
      case 10: {
        const place = random.pick(['data.base.many', 'data.base.grants']);
        const field = place.endsWith('many') ? random.pick(['id', 'tag']) : random.pick(['role', 'act', 'level']);
        const value = this.term(scope, 0);
        const item = this.#bind(scope);
        return `some ${item} in ${place}; ${item}.${field} == ${value}`;
      }
      case 11:
      case 12:
        return this.#indexed(scope);
      case 13: {
        if (!this.#around.logical) return this.test(scope, depth);
        const [left, right] = [this.#operand(scope, depth), this.#operand(scope, depth)];
        return `${left} ${random.pick(['and', 'or'])} ${right}`;
      }
      case 14: {
        // Not in the body of a rule: OPA leaves `walk` where whoever asks for the rule needs no more, and may miss conflicts.
        if (depth > 1) return this.test(scope, depth);
        const collection = this.collection(scope, 0);
        const [path, value] = [this.fresh(), this.fresh()];
        scope.push(path, value);
        return `walk(${collection}, [${path}, ${value}])`;
      }
      default:
        return this.test(scope, depth);
    }
  }

  #bind(scope: string[]): string {
    const name = this.fresh();
    scope.push(name);
    return name;
  }

  #operand(scope: readonly string[], depth: number): string {
    if (this.#random.chance(0.5)) return this.test(scope, 0);
    const inner = [...scope];
    return `{ ${this.#random.some(1, 2, () => this.literal(inner, depth - 1)).join('; ')} }`;
  }

  #negation(scope: readonly string[], depth: number): string {
    if (!this.#around.improvedNot || this.#random.chance(0.5)) {
      const test = this.test(scope, depth);
      // OPA 1.22 takes a body of `not true` alone for `true` where a head needs a ref. We do not: it would fail open.
      return test === 'true' ? 'not false' : `not ${test}`;
    }
    const inner = [...scope];
    return `not { ${this.#random.some(1, 2, () => this.literal(inner, depth - 1)).join('; ')} }`;
  }

  #withLiteral(scope: string[], depth: number): string {
    const random = this.#random;
    const { documents, functions } = this.#around;
    const literal = random.chance(0.6)
      ? documents.length === 0
        ? 'input.a'
        : random.pick(documents)
      : this.term(scope, depth);
    const modifiers = random.some(1, 2, () => {
      const value = this.term(scope, 1);
      // A document that stands in for a function which it uses itself ends OPA with a stack overflow.
      const constant = documents.some((name) => value.startsWith(name)) ? this.scalar() : value;
      if (random.chance(0.25)) {
        const target = random.pick(['count', 'upper', 'startswith', 'concat', 'max', 'json.marshal', 'to_number']);
        return ` with ${target} as ${random.chance(0.5) ? constant : random.pick(['lower', 'sum', 'trim_space', 'endswith', 'type_name'])}`;
      }
      const own = functions.length > 0 && random.chance(0.3) ? random.pick(functions).name : undefined;
      if (own !== undefined) return ` with ${own} as ${constant}`;
      if (documents.length > 0 && random.chance(0.2)) return ` with ${random.pick(documents)} as ${value}`;
      const target = random.pick([
        'input.a',
        'input.user',
        'input.o.a',
        'input',
        'data.base.nums',
        'data.base.roles.ann',
        'data.base.new.x',
        'data.base',
      ]);
      return ` with ${target} as ${value}`;
    });
    if (random.chance(0.3)) return `${this.test(scope, 1)}${modifiers.join('')}`;
    return `${this.#bind(scope)} := ${literal}${modifiers.join('')}`;
  }

  /** A literal that a rule index can tell something from. */
  #indexed(scope: string[]): string {
    const random = this.#random;
    const ref = random.pick(['input.s', 'input.n', 'input.user', 'input.path', 'input.o.a', 'data.base.flags.a']);
    const text = random.pick(stringTexts);
    switch (random.below(10)) {
      case 0:
        return `${ref} == ${random.pick([text, random.pick(numberTexts), 'true'])}`;
      case 1:
        return `${ref} in ${random.pick(['[1, 2, "a"]', '{"a", "b", "dev"}', '{"x": "a", "y": 1}', `[${text}, ${this.term(scope, 0)}]`])}`;
      case 2:
        return `startswith(${ref}, ${random.pick(['"a"', '"d"', '"/a"', '""'])})`;
      case 3:
        return `endswith(${ref}, ${random.pick(['"b"', '"v"', '".go"'])})`;
      case 4:
        return `strings.any_prefix_match(${ref}, ["a", "/", "d"])`;
      case 5:
        return `glob.match(${random.pick(['"a:*"', '"*:b"', '"a"', '"*"'])}, [":"], ${ref})`;
      case 6:
        return `${text} in ${random.pick(['input.xs', 'input.o', 'data.base.roles.ann'])}`;
      case 7:
        return `input.xs[_] == ${this.scalar()}`;
      case 8:
        return `data.base.roles[${random.pick(['input.user', 'input.s'])}]`;
      default: {
        const name = this.#bind(scope);
        return random.chance(0.5) ? `${name} := input; ${name}.s == ${text}` : `${name} := ${ref}; ${name} == ${text}`;
      }
    }
  }

  test(scope: readonly string[], depth: number): string {
    const random = this.#random;
    switch (random.below(12)) {
      case 0:
      case 1:
        return `${this.term(scope, depth)} in ${this.collection(scope, depth)}`;
      case 2:
        return this.term(scope, depth);
      case 3:
      case 4:
        return this.#call(scope, 'boolean');
      case 5:
        return `${this.term(scope, 0)}, ${this.term(scope, 0)} in ${this.collection(scope, 0)}`;
      default:
        return `${this.term(scope, depth)} ${random.pick(comparisons)} ${this.term(scope, depth)}`;
    }
  }

  // Terms

  scalar(): string {
    const random = this.#random;
    return random.pick([random.pick(numberTexts), random.pick(stringTexts), random.pick(['true', 'false', 'null'])]);
  }

  collection(scope: readonly string[], depth: number): string {
    const random = this.#random;
    const { documents } = this.#around;
    switch (random.below(10)) {
      case 0:
        return 'input.xs';
      case 1:
        return 'input.o';
      case 2:
        return `data.base.${random.pick(['nums', 'roles', 'grants', 'flags', 'many', 'odd', 'roles.ann'])}`;
      case 3:
        return documents.length === 0 ? 'input.xs' : random.pick(documents);
      case 4:
        // Not several computed members: OPA goes through them by the names that its compiler gave to their vars.
        return random.chance(0.5) ? `{${this.term(scope, 0)}}` : `{${this.scalar()}, ${this.scalar()}}`;
      case 5:
        return `[${random.some(0, 3, () => this.term(scope, 0)).join(', ')}]`;
      case 6:
        return depth > 0 ? this.comprehension(scope, depth - 1) : 'input.xs';
      case 7:
        return `data.base.roles[${this.term(scope, 0)}]`;
      case 8:
        return `{${this.term(scope, 0)}: ${this.term(scope, 0)}}`;
      default:
        return scope.length === 0 ? 'input.xs' : random.pick(scope);
    }
  }

  comprehension(scope: readonly string[], depth: number): string {
    const inner = [...scope];
    const literals = this.#random.some(1, 2, () => this.literal(inner, depth)).join('; ');
    const value = this.term(inner, 0);
    switch (this.#random.below(3)) {
      case 0:
        return `[${value} | ${literals}]`;
      case 1:
        return `{${value} | ${literals}}`;
      default:
        return `{${value}: ${this.term(inner, 0)} | ${literals}}`;
    }
  }

  term(scope: readonly string[], depth: number): string {
    const random = this.#random;
    const { documents, functions } = this.#around;
    if (scope.length > 0 && random.chance(0.4)) return random.pick(scope);
    switch (random.below(depth > 0 ? 18 : 7)) {
      case 0:
      case 1:
      case 2:
        return this.scalar();
      case 3:
        return `input.${random.pick(fields)}`;
      case 4:
        return documents.length === 0 ? 'input.n' : random.pick(documents);
      case 5:
        return random.pick([
          'data.base.nums[0]',
          'data.base.flags.b',
          'data.base.roles.ann',
          'input.o.a',
          'input.xs[1]',
        ]);
      case 6:
        return random.pick([
          'data.base.odd["__proto__"]',
          'data.base.odd.constructor',
          'input.o["__proto__"]',
          'input["toString"]',
        ]);
      case 7:
        return `(${this.number(scope)} ${random.pick(['+', '-', '*', '/', '%'])} ${this.number(scope)})`;
      case 8:
        return `count(${this.collection(scope, 0)})`;
      case 9:
        return this.comprehension(scope, depth - 1);
      case 10:
        return `{"k": ${this.term(scope, 0)}, ${this.term(scope, 0)}: 1}`;
      case 11:
      case 12: {
        if (functions.length === 0) return 'input.s';
        const { name, arity } = random.pick(functions);
        return `${name}(${Array.from({ length: arity }, () => this.term(scope, 0)).join(', ')})`;
      }
      case 13:
      case 14:
        return this.#call(scope, undefined);
      case 15:
        return random.chance(0.5)
          ? `$"<{${this.term(scope, 0)}}>{${this.term(scope, 0)}}"`
          : `(${this.set(scope)} ${random.pick(['|', '&', '-'])} ${this.set(scope)})`;
      case 16:
        return `[${this.term(scope, 0)}, ${this.term(scope, 0)}]`;
      default:
        return `${this.#indexable(scope)}[${this.term(scope, 0)}]`;
    }
  }

  /**
   * A key in the head of a rule. Numbers stand there in one way only: where the documents of `p[1]` and `p[1.0].a` meet, OPA
   * drops `p`, or panics. Ours says that there is a conflict.
   */
  key(scope: readonly string[]): string {
    const term = this.term(scope, 0);
    return term.replace(/^(-?\d+)\.0$/, '$1').replace(/^(-?\d+\.\d*[1-9])0+$/, '$1');
  }

  #indexable(scope: readonly string[]): string {
    const collection = this.collection(scope, 0);
    return /^[a-z]/.test(collection) ? collection : 'input.o';
  }

  /** A term that mostly is a number. */
  number(scope: readonly string[]): string {
    const random = this.#random;
    if (random.chance(0.1)) return this.term(scope, 0);
    return random.pick([
      random.pick(numberTexts),
      'input.n',
      'data.base.nums[0]',
      `count(${this.collection(scope, 0)})`,
      'input.xs[0]',
    ]);
  }

  set(scope: readonly string[]): string {
    return this.#random.pick([
      `{${this.term(scope, 0)}, ${this.scalar()}}`,
      `{${this.term(scope, 0)}}`,
      'set()',
      `{x | some x in ${this.collection(scope, 0)}}`,
    ]);
  }

  #string(scope: readonly string[]): string {
    const random = this.#random;
    if (random.chance(0.1)) return this.term(scope, 0);
    return random.pick([random.pick(stringTexts), 'input.s', 'input.user', 'input.path']);
  }

  #argument(scope: readonly string[], kind: ArgumentKind): string {
    const random = this.#random;
    // What makes a result long is never more than small: OPA has no bounds.
    if (random.chance(0.06)) return kind === 'small' ? random.pick(['"1"', 'null', 'input.s']) : this.term(scope, 0);
    switch (kind) {
      case 'string':
        return this.#string(scope);
      case 'number':
        return this.number(scope);
      case 'small':
        return random.pick(smallNumberTexts);
      case 'array':
        return random.pick(['input.xs', `[${this.term(scope, 0)}, ${this.term(scope, 0)}]`, 'data.base.nums', '[]']);
      case 'strings':
        return random.pick(['["a", "dev"]', 'data.base.roles.ann', '{"b", "a"}', 'input.xs', '[]']);
      case 'numbers':
        return random.pick(['data.base.nums', `[${this.number(scope)}, 1]`, 'input.xs', `{2, ${this.number(scope)}}`]);
      case 'object':
        return random.pick(['input.o', 'data.base.flags', `{"a": ${this.term(scope, 0)}}`, 'data.base.odd', 'input']);
      case 'set':
        return this.set(scope);
      case 'collection':
        return this.collection(scope, 0);
      case 'any':
        return this.term(scope, 0);
      default:
        return random.pick(kind);
    }
  }

  #call(scope: readonly string[], result: string | undefined): string {
    const [name, , args] = this.#random.pick(calls.filter(([, gives]) => result === undefined || gives === result));
    return `${name}(${args.map((kind) => this.#argument(scope, kind)).join(', ')})`;
  }
}
