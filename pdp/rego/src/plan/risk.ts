import { SAFE_BUILTINS } from './costless.ts';
import type { Block, Group, Operand, Plan, RuleBody, Step } from './ir.ts';
import { blocksOf, operandsOf, partsOf } from './parts.ts';

/**
 * What can go wrong in a block: nothing, what only counts where the first failure of a built-in does, or conflicts, which
 * always count.
 */
export type Risk = 'none' | 'strict' | 'conflict';

const worse = (a: Risk, b: Risk): Risk => (a === 'none' || b === 'conflict' ? b : a);

/** The worst of some risks; looks no further once it is a conflict. */
const worst = <T>(items: readonly T[], riskOf: (item: T) => Risk): Risk =>
  items.reduce<Risk>((risk, item) => (risk === 'conflict' ? risk : worse(risk, riskOf(item))), 'none');

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
    return worst(block, (step) => this.#step(step));
  }

  #step(step: Step): Risk {
    if (step.kind === 'collect' && step.into === 'object') return 'conflict';
    return worse(
      worst(operandsOf(step), (operand) => this.#operand(operand)),
      worst(blocksOf(step), (block) => this.#block(block)),
    );
  }

  #operand(operand: Operand): Risk {
    return worse(
      this.#ownRisk(operand),
      worst(partsOf(operand), (part) => this.#operand(part)),
    );
  }

  #ownRisk(operand: Operand): Risk {
    switch (operand.kind) {
      case 'group':
      case 'restricted':
        return this.#group(operand.group);
      case 'call':
        // A replacement may be any other function.
        return this.#plan.replaceable.length > 0 ? 'conflict' : this.#group(operand.group);
      case 'tree':
      case 'lazy':
        return 'conflict';
      case 'builtin':
        if (this.#plan.replaceable.includes(operand.name)) return 'conflict';
        return SAFE_BUILTINS.has(operand.name) ? 'none' : 'strict';
      default:
        return 'none';
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
    return worst(bodies, ({ block }) => this.#block(block));
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
