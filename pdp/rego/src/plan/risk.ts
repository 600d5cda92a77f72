import { SAFE_BUILTINS } from './costless.ts';
import type { Block, Group, Operand, Plan, RuleBody, Step } from './ir.ts';

/**
 * What can go wrong in a block: nothing, what only counts where the first failure of a built-in does, or conflicts, which
 * always count.
 */
export type Risk = 'none' | 'strict' | 'conflict';

const worse = (a: Risk, b: Risk): Risk => (a === 'none' || b === 'conflict' ? b : a);

/** Finds what can go wrong in the blocks of a plan. */
export class Risks {
  readonly #plan: Plan;
  readonly #groups = new Map<number, Risk>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** What can go wrong in a block that goes on after its first success; nothing if it cannot go on. */
  afterSuccess(block: Block): Risk {
    return repeats(block) ? this.#block(block) : 'none';
  }

  #block(block: Block): Risk {
    return block.reduce<Risk>((risk, step) => (risk === 'conflict' ? risk : worse(risk, this.#step(step))), 'none');
  }

  #step(step: Step): Risk {
    switch (step.kind) {
      case 'bind':
      case 'test':
      case 'run':
      case 'is-array':
      case 'is-object':
      case 'admit':
      case 'result':
        return this.#operand(step.value);
      case 'equal':
        return this.#operands([step.left, step.right]);
      case 'admit-key':
        return this.#operands([step.collection, step.key]);
      case 'scan':
      case 'every':
        return worse(this.#operand(step.over), this.#block(step.body));
      case 'not':
        return this.#block(step.body);
      case 'collect':
        return step.into === 'object' ? 'conflict' : this.#block(step.body);
      case 'either':
        return step.blocks.map((block) => this.#block(block)).reduce(worse, 'none');
      case 'with':
        return worse(this.#block(step.body), this.#block(step.rest));
      case 'yield':
        return this.#operands(step.key === undefined ? [step.value] : [step.key, step.value]);
      case 'part':
        return this.#operands([...step.path, step.value]);
      case 'fail':
      case 'succeed':
      case 'trace':
        return 'none';
      default:
        return step satisfies never;
    }
  }

  #operands(operands: readonly Operand[]): Risk {
    return operands.map((operand) => this.#operand(operand)).reduce(worse, 'none');
  }

  #operand(operand: Operand): Risk {
    switch (operand.kind) {
      case 'local':
      case 'constant':
      case 'input':
      case 'base':
        return 'none';
      case 'group':
        return this.#group(operand.group);
      case 'restricted':
        return worse(this.#group(operand.group), this.#operands(operand.keys));
      case 'call':
        // A replacement may be any other function.
        return this.#plan.replaceable.length > 0
          ? 'conflict'
          : worse(this.#group(operand.group), this.#operands(operand.args));
      case 'tree':
      case 'lazy':
        return 'conflict';
      case 'force':
        return this.#operand(operand.of);
      case 'member':
        return this.#operands([operand.of, operand.key]);
      case 'array':
      case 'set':
        return this.#operands(operand.items);
      case 'object':
        return this.#operands(operand.entries.flat());
      case 'builtin': {
        const own = SAFE_BUILTINS.has(operand.name) ? 'none' : 'strict';
        return worse(this.#plan.replaceable.includes(operand.name) ? 'conflict' : own, this.#operands(operand.args));
      }
      default:
        return operand satisfies never;
    }
  }

  #group(id: number): Risk {
    const known = this.#groups.get(id);
    if (known !== undefined) return known;
    const group = this.#plan.groups[id];
    // Rules do not use themselves: whoever comes back here has no answer of its own.
    this.#groups.set(id, 'none');
    const risk = group === undefined ? 'none' : this.#ofGroup(group);
    this.#groups.set(id, risk);
    return risk;
  }

  #ofGroup(group: Group): Risk {
    const bodies = group.rules.flat();
    if (group.kind === 'object' || (group.kind !== 'set' && mayDisagree(bodies))) return 'conflict';
    return bodies.map(({ block }) => this.#block(block)).reduce(worse, 'none');
  }
}

/** True if the rules of a document may give several values. */
const mayDisagree = (bodies: readonly RuleBody[]): boolean => {
  const [first] = bodies;
  if (bodies.length === 1 && first !== undefined) return first.many;
  const text = ({ constant }: RuleBody): string | undefined =>
    constant === undefined
      ? undefined
      : JSON.stringify(constant, (key, value: unknown) => (key === 'location' ? 0 : value));
  return bodies.some((body) => text(body) === undefined || text(body) !== text(bodies[0] ?? body));
};

/** True if a block may succeed more than once. */
export const repeats = (block: Block): boolean =>
  block.some((step) => step.kind === 'scan' || (step.kind === 'with' && step.many));
