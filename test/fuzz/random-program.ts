import { randomInput } from './random-json.ts';
import { RandomSource } from './random-source.ts';
import { RandomTerms, type Surroundings } from './random-terms.ts';

/** A rule in parts that a minimiser can take away. */
export interface RandomRule {
  readonly head: string;
  readonly literals: readonly string[];
  /** What stands behind the body: an `else`. */
  readonly tail: string;
}

/** A module in package `fuzz`. */
export interface RandomModule {
  /** What is imported: `future.keywords.not`. */
  readonly imports: readonly string[];
  readonly rules: readonly RandomRule[];
}

/** A module, and inputs to ask it with. */
export interface RandomProgram {
  readonly module: RandomModule;
  readonly inputs: readonly string[];
}

/** The text of a module. */
export function moduleText({ imports, rules }: RandomModule): string {
  const bodies = rules.map(({ head, literals, tail }) =>
    literals.length === 0 ? `${head}${tail}` : `${head} if {\n\t${literals.join('\n\t')}\n}${tail}`,
  );
  const parts = ['package fuzz', ...imports.map((name) => `import ${name}`), ...bodies];
  return `${parts.join('\n\n')}\n`;
}

/** Makes random programs; the same seed gives the same program. */
export function randomProgram(seed: number): RandomProgram {
  const random = new RandomSource(seed);
  return { module: new RandomRules(random).module(), inputs: random.some(4, 4, () => randomInput(random)) };
}

class RandomRules {
  readonly #random: RandomSource;
  readonly #imports: readonly string[];
  readonly #around: Surroundings;
  readonly #terms: RandomTerms;

  constructor(random: RandomSource) {
    this.#random = random;
    const logical = random.chance(0.25);
    const improvedNot = random.chance(0.25);
    const all = logical && improvedNot && random.chance(0.5);
    this.#imports = all
      ? ['rego.v2']
      : [
          ...(logical ? ['future.keywords.and', 'future.keywords.or'] : []),
          ...(improvedNot ? ['future.keywords.not'] : []),
        ];
    this.#around = { documents: [], functions: [], logical, improvedNot };
    this.#terms = new RandomTerms(random, this.#around);
  }

  module(): RandomModule {
    const rules: RandomRule[] = [];
    const count = 1 + this.#random.below(5);
    for (let i = 0; i < count; i++) rules.push(...this.#rules(`r${String(i)}`));
    return { imports: this.#imports, rules };
  }

  /** Rules of one name, which those behind may use. */
  #rules(name: string): readonly RandomRule[] {
    const random = this.#random;
    const { documents, functions } = this.#around;
    const form = random.pick([
      'complete',
      'complete',
      'complete',
      'set',
      'object',
      'function',
      'function',
      'general',
    ] as const);
    if (form === 'function') {
      const arity = 1 + random.below(2);
      const rules = [...random.some(1, 3, () => this.#function(name, arity))];
      if (random.chance(0.3)) {
        const args = Array.from({ length: arity }, () => '_').join(', ');
        rules.push({ head: `default ${name}(${args}) := ${this.#terms.scalar()}`, literals: [], tail: '' });
      }
      functions.push({ name, arity });
      return rules;
    }
    const rules = [...random.some(1, 3, () => this.#document(form, name))];
    if (form === 'complete' && random.chance(0.3)) {
      rules.push({ head: `default ${name} := ${this.#terms.scalar()}`, literals: [], tail: '' });
    }
    documents.push(name);
    if (form === 'general' && random.chance(0.5)) documents.push(`${name}.k0`);
    return rules;
  }

  #function(name: string, arity: number): RandomRule {
    const random = this.#random;
    const scope: string[] = [];
    const args = Array.from({ length: arity }, (_, i) => {
      if (random.chance(0.2)) return this.#terms.scalar();
      const param = `p${String(i)}`;
      if (random.chance(0.1)) {
        scope.push(param);
        return random.pick([`[${param}, _]`, `{"k": ${param}}`]);
      }
      scope.push(param);
      return param;
    });
    const params = [...scope];
    const literals = random.chance(0.15) ? [] : this.#terms.body(scope, 2);
    const tail = this.#elses(params);
    return { head: `${name}(${args.join(', ')}) := ${this.#terms.term(scope, 1)}`, literals, tail };
  }

  #document(form: 'complete' | 'set' | 'object' | 'general', name: string): RandomRule {
    const random = this.#random;
    const terms = this.#terms;
    const scope: string[] = [];
    const literals = form === 'complete' && random.chance(0.1) ? [] : terms.body(scope, 3);
    switch (form) {
      case 'complete': {
        const value = random.chance(0.4) ? 'true' : terms.term(scope, 1);
        return { head: `${name} := ${value}`, literals, tail: this.#elses([]) };
      }
      case 'set':
        return { head: `${name} contains ${terms.term(scope, 1)}`, literals, tail: '' };
      case 'object':
        return { head: `${name}[${terms.key(scope)}] := ${terms.term(scope, 1)}`, literals, tail: '' };
      default: {
        const [a, b, value] = [terms.key(scope), terms.key(scope), terms.term(scope, 0)];
        const head = random.pick([
          `${name}.k${String(random.below(2))}[${a}] := ${value}`,
          `${name}[${a}][${b}] := ${value}`,
          `${name}[${a}].c := ${value}`,
          `${name}[${a}] contains ${value}`,
          `${name}.k0[${a}].d contains ${value}`,
          `${name}.k0.x := ${value}`,
          `${name}[1] := ${value}`,
        ]);
        return { head, literals, tail: '' };
      }
    }
  }

  #elses(params: readonly string[]): string {
    const random = this.#random;
    if (!random.chance(0.3)) return '';
    const branches = random.some(1, 2, () => {
      const scope = [...params];
      const literals = this.#terms.body(scope, 2);
      return ` else := ${this.#terms.term(scope, 0)} if {\n\t${literals.join('\n\t')}\n}`;
    });
    return branches.join('') + (random.chance(0.3) ? ` else := ${this.#terms.term(params, 0)}` : '');
  }
}
