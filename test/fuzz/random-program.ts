/** A rule in parts that a minimiser can take away. */
export interface RandomRule {
  readonly head: string;
  readonly literals: readonly string[];
  /** What stands behind the body: an `else`. */
  readonly tail: string;
}

/** A module in package `fuzz`, and inputs to ask it with. */
export interface RandomProgram {
  readonly rules: readonly RandomRule[];
  readonly inputs: readonly string[];
}

/** Base documents that every program sees at `data.base`. */
export const baseDocument = `{"roles":{"ann":["dev","ops"],"bob":["dev"],"eve":[]},"grants":[{"role":"dev","act":"read","level":1},{"role":"ops","act":"write","level":2},{"role":"dev","act":"list","level":1.0},{"role":"ops","act":"read","level":3}],"nums":[3,1,2,2.5,10,-1],"flags":{"a":true,"b":false,"c":null},"many":[${Array.from({ length: 20 }, (_, i) => `{"id":${String(i % 7)},"tag":"t${String(i % 3)}"}`).join(',')}]}`;

/** The text of a module. */
export function moduleText(rules: readonly RandomRule[]): string {
  const bodies = rules.map(({ head, literals, tail }) =>
    literals.length === 0 ? `${head}${tail}` : `${head} if {\n\t${literals.join('\n\t')}\n}${tail}`,
  );
  return `package fuzz\n\n${bodies.join('\n\n')}\n`;
}

/** Makes random programs; the same seed gives the same program. */
export function randomProgram(seed: number): RandomProgram {
  return new Generator(seed).program();
}

const scalars = [
  '0',
  '1',
  '2',
  '3',
  '1.5',
  '-1',
  '"a"',
  '"b"',
  '"dev"',
  '"read"',
  'true',
  'false',
  'null',
  '"ann"',
  '1.0',
  '"é"',
  '""',
];
const inputScalars = [
  '0',
  '1',
  '2',
  '1.5',
  '2.0',
  '"a"',
  '"b"',
  '"dev"',
  '"read"',
  'true',
  'false',
  'null',
  '"ann"',
  '"a:b"',
];
const fields = ['a', 'b', 'n', 's', 'xs', 'o', 'user'];

class Generator {
  #state: number;
  /** Documents and functions so far: later rules may use them, so that there is no recursion. */
  readonly #documents: string[] = [];
  readonly #functions: string[] = [];
  #names = 0;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  program(): RandomProgram {
    const rules: RandomRule[] = [];
    const count = 2 + this.#below(5);
    for (let i = 0; i < count; i++) rules.push(...this.#rules(i));
    return { rules, inputs: Array.from({ length: 4 }, () => this.#input(3)) };
  }

  /** Mulberry32. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #pick<T>(items: readonly T[]): T {
    const item = items[this.#below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  #input(depth: number): string {
    if (depth === 3) {
      const chosen = fields.filter(() => this.#chance(0.75));
      return `{${chosen.map((field) => `"${field}":${field === 'xs' ? this.#array(2) : field === 'o' ? this.#object(2) : this.#input(1)}`).join(',')}}`;
    }
    const kind = this.#below(8);
    if (depth > 0 && kind === 0) return this.#array(depth - 1);
    if (depth > 0 && kind === 1) return this.#object(depth - 1);
    return this.#pick(inputScalars);
  }

  #array(depth: number): string {
    return `[${Array.from({ length: this.#below(4) }, () => this.#input(depth)).join(',')}]`;
  }

  #object(depth: number): string {
    const keys = ['a', 'b', 'x', 'dev'].filter(() => this.#chance(0.5));
    return `{${keys.map((key) => `"${key}":${this.#input(depth)}`).join(',')}}`;
  }

  #rules(index: number): readonly RandomRule[] {
    const name = `r${String(index)}`;
    const copies = 1 + this.#below(3);
    const rules: RandomRule[] = [];
    const form = this.#below(7);
    for (let i = 0; i < copies; i++) {
      const scope: string[] = [];
      if (form === 2) {
        const literals = this.#body(scope, 2);
        rules.push({ head: `${name} contains ${this.#term(scope, 1)}`, literals, tail: '' });
      } else if (form === 3) {
        const literals = this.#body(scope, 2);
        rules.push({ head: `${name}[${this.#term(scope, 0)}] := ${this.#term(scope, 1)}`, literals, tail: '' });
      } else if (form === 4) {
        const arg = this.#chance(0.3) ? this.#pick(scalars) : 'p0';
        if (arg === 'p0') scope.push('p0');
        const literals = this.#body(scope, 2);
        const tail = this.#chance(0.3) ? ` else := ${this.#term(arg === 'p0' ? ['p0'] : [], 0)}` : '';
        rules.push({ head: `${name}(${arg}) := ${this.#term(scope, 1)}`, literals, tail });
      } else if (form === 5) {
        const literals = this.#body(scope, 2);
        rules.push({
          head: `${name}.k${String(this.#below(2))}[${this.#term(scope, 0)}] := ${this.#term(scope, 0)}`,
          literals,
          tail: '',
        });
      } else {
        const literals = this.#body(scope, 3);
        const value = this.#chance(0.5) ? 'true' : this.#term(scope, 1);
        const tail = this.#chance(0.25)
          ? ` else := ${this.#pick(scalars)} if {\n\t${this.#body([], 1).join('\n\t')}\n}`
          : '';
        rules.push({ head: `${name} := ${value}`, literals, tail });
      }
    }
    if (form < 2 && this.#chance(0.4))
      rules.push({ head: `default ${name} := ${this.#pick(scalars)}`, literals: [], tail: '' });
    if (form === 4) this.#functions.push(name);
    else this.#documents.push(name);
    return rules;
  }

  #fresh(): string {
    return `v${String(this.#names++)}`;
  }

  #body(scope: string[], most: number): readonly string[] {
    return Array.from({ length: 1 + this.#below(most) }, () => this.#literal(scope, 2));
  }

  #literal(scope: string[], depth: number): string {
    switch (this.#below(15)) {
      case 0: {
        const domain = this.#collection(scope, depth);
        const value = this.#fresh();
        scope.push(value);
        return `some ${value} in ${domain}`;
      }
      case 1: {
        const domain = this.#collection(scope, depth);
        const key = this.#fresh();
        const value = this.#fresh();
        scope.push(key, value);
        return `some ${key}, ${value} in ${domain}`;
      }
      case 2: {
        const term = this.#term(scope, depth);
        const name = this.#fresh();
        scope.push(name);
        return `${name} := ${term}`;
      }
      case 3:
        return `not ${this.#test(scope, depth)}`;
      case 4: {
        const name = this.#fresh();
        const inner = [...scope, name];
        return `every ${name} in ${this.#collection(scope, depth)} { ${this.#test(inner, 1)} }`;
      }
      case 5: {
        const name = this.#fresh();
        const domain = this.#collection(scope, 0);
        scope.push(name);
        return `${domain}[${name}]`;
      }
      case 6: {
        const left = this.#fresh();
        const term = this.#term(scope, depth);
        scope.push(left);
        return this.#chance(0.5) ? `[${left}, _] = [${term}, 1]` : `{"k": ${left}} = {"k": ${term}}`;
      }
      case 7: {
        const document = this.#documents.length === 0 ? 'input.a' : this.#pick(this.#documents);
        const target = this.#pick([
          'input.a',
          'input.user',
          'input',
          'data.base.nums',
          'data.base.roles.ann',
          'data.base',
        ]);
        const name = this.#fresh();
        const literal = `${name} := ${document} with ${target} as ${this.#term(scope, 1)}`;
        scope.push(name);
        return literal;
      }
      case 8: {
        const item = this.#fresh();
        const place = this.#pick(['data.base.many', 'data.base.grants']);
        const field = place.endsWith('many') ? this.#pick(['id', 'tag']) : this.#pick(['role', 'act', 'level']);
        const literal = `some ${item} in ${place}; ${item}.${field} == ${this.#term(scope, 0)}`;
        scope.push(item);
        return literal;
      }
      default:
        return this.#test(scope, depth);
    }
  }

  #test(scope: readonly string[], depth: number): string {
    const operator = this.#pick(['==', '!=', '<', '<=', '>', '>=', 'in', 'in', '=='] as const);
    if (operator === 'in') return `${this.#term(scope, depth)} in ${this.#collection(scope, depth)}`;
    if (this.#chance(0.25)) return this.#term(scope, depth);
    if (this.#chance(0.15)) return `startswith(${this.#term(scope, 0)}, ${this.#pick(['"a"', '"d"', '""'])})`;
    return `${this.#term(scope, depth)} ${operator} ${this.#term(scope, depth)}`;
  }

  #collection(scope: readonly string[], depth: number): string {
    switch (this.#below(9)) {
      case 0:
        return 'input.xs';
      case 1:
        return 'input.o';
      case 2:
        return this.#pick([
          'data.base.nums',
          'data.base.roles',
          'data.base.grants',
          'data.base.flags',
          'data.base.many',
        ]);
      case 3:
        return this.#documents.length === 0 ? 'input.xs' : this.#pick(this.#documents);
      case 4:
        return `{${this.#term(scope, 0)}, ${this.#term(scope, 0)}}`;
      case 5:
        return `[${this.#term(scope, 0)}, ${this.#term(scope, 0)}]`;
      case 6:
        return depth > 0 ? this.#comprehension(scope, depth - 1) : 'input.xs';
      case 7:
        return `data.base.roles[${this.#term(scope, 0)}]`;
      default:
        return scope.length === 0 ? 'input.xs' : this.#pick(scope);
    }
  }

  #comprehension(scope: readonly string[], depth: number): string {
    const inner = [...scope];
    const literals = Array.from({ length: 1 + this.#below(2) }, () => this.#literal(inner, depth)).join('; ');
    const value = this.#term(inner, 0);
    switch (this.#below(3)) {
      case 0:
        return `[${value} | ${literals}]`;
      case 1:
        return `{${value} | ${literals}}`;
      default:
        return `{${value}: ${this.#term(inner, 0)} | ${literals}}`;
    }
  }

  #term(scope: readonly string[], depth: number): string {
    if (scope.length > 0 && this.#chance(0.4)) return this.#pick(scope);
    switch (this.#below(depth > 0 ? 15 : 6)) {
      case 0:
      case 1:
        return this.#pick(scalars);
      case 2:
        return `input.${this.#pick(fields)}`;
      case 3:
        return this.#documents.length === 0 ? 'input.n' : this.#pick(this.#documents);
      case 4:
        return this.#pick([
          'data.base.nums[0]',
          'data.base.flags.b',
          'data.base.roles.ann',
          'input.o.a',
          'input.xs[1]',
        ]);
      case 5:
        return this.#pick(scalars);
      case 6:
        return `(${this.#term(scope, 0)} ${this.#pick(['+', '-', '*', '/', '%'])} ${this.#term(scope, 0)})`;
      case 7:
        return `count(${this.#collection(scope, 0)})`;
      case 8:
        return `${this.#pick(['sum', 'max', 'min', 'sort', 'product'])}(${this.#collection(scope, 0)})`;
      case 9:
        return this.#comprehension(scope, depth - 1);
      case 10:
        return `{"k": ${this.#term(scope, 0)}, ${this.#term(scope, 0)}: 1}`;
      case 11:
        return this.#functions.length === 0 ? 'input.s' : `${this.#pick(this.#functions)}(${this.#term(scope, 0)})`;
      case 12:
        return this.#pick([
          `split(${this.#term(scope, 0)}, ":")[0]`,
          `sprintf("%v-%v", [${this.#term(scope, 0)}, ${this.#term(scope, 0)}])`,
          `object.get(${this.#collection(scope, 0)}, ${this.#term(scope, 0)}, ${this.#pick(scalars)})`,
          `concat(",", ${this.#collection(scope, 0)})`,
          `$"<{${this.#term(scope, 0)}}>"`,
          `upper(${this.#term(scope, 0)})`,
        ]);
      case 13:
        return `(${this.#collection(scope, 0)} ${this.#pick(['|', '&', '-'])} ${this.#collection(scope, 0)})`;
      default:
        return `${this.#collection(scope, 0)}[${this.#term(scope, 0)}]`;
    }
  }
}
