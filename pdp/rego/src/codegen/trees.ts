import type { Plan, Tree, TreeChild } from '../plan/ir.ts';
import type { Pool } from './constants.ts';
import { quote } from './names.ts';
import type { Writer } from './writer.ts';

/** Writes the documents of the places that are no rules: packages, and what stands between rules. */
export class TreeWriter {
  readonly #plan: Plan;
  readonly #replacedData: readonly (readonly string[])[];
  readonly #pool: Pool;
  readonly #base: (path: readonly string[]) => string;

  /** `base` gives the expression of a base document. */
  constructor(
    plan: Plan,
    replacedData: readonly (readonly string[])[],
    pool: Pool,
    base: (path: readonly string[]) => string,
  ) {
    this.#plan = plan;
    this.#replacedData = replacedData;
    this.#pool = pool;
    this.#base = base;
  }

  /** The expression of the base document beside a tree. */
  baseOf(tree: Tree | undefined): string {
    return tree?.base === undefined ? 'undefined' : this.#base(tree.base);
  }

  /** True if some `with` replaces a tree, or what is around it. */
  isReplaced({ path }: Tree): boolean {
    return this.#replacedData.some((target) => target.every((part, index) => part === path[index]));
  }

  /** The functions of a tree: `u`, what rules define; `t`, with the base document beside it. */
  document(out: Writer, tree: Tree): void {
    const id = String(tree.id);
    out.block(`function u${id}() {`, () => {
      out.line('if (--S < 0) stop();');
      // The first key that is no string makes another object of it.
      out.line(tree.children.every(({ key }) => key.kind === 'string') ? 'const o = {};' : 'let o = {};');
      out.line('let v;');
      for (const child of tree.children) {
        if (child.hidden) continue;
        const put = this.#put(child);
        if (child.target.kind === 'tree') out.line(put(`u${String(child.target.tree)}()`));
        else if (this.#plan.groups[child.target.group]?.kind !== 'function') {
          out.line(`v = d${String(child.target.group)}();`);
          out.line(`if (v !== undefined) ${put('v')}`);
        }
      }
      out.line('return o;');
    });
    const base = this.baseOf(tree);
    const shown = tree.path.length === 0 ? `rt.withoutSystem(${base})` : base;
    // Of a place that is replaced as a whole nothing that rules define is left.
    const gone = this.isReplaced(tree) ? `if (M.t${id}) return ${shown}; ` : '';
    out.line(`function t${id}() { ${gone}return mergeBase(${shown}, u${id}()); }`);
  }

  /** What puts the value of a child into the document of its tree. Numbers that are written differently may be equal. */
  #put({ key }: TreeChild): (value: string) => string {
    const literal = this.#pool.constant(key);
    if (key.kind === 'string') return (value) => `put(o, ${literal}, ${value}, 0);`;
    const site = this.#pool.site({ message: 'object keys must be unique', location: key.location });
    return (value) => `o = put(o, ${literal}, ${value}, ${String(site)});`;
  }

  /** The nodes that loops over places step through. */
  nodes(out: Writer): void {
    // Children first: a node refers to its children.
    for (const tree of [...this.#plan.trees].reverse()) {
      const id = String(tree.id);
      const numbers = tree.children.filter(({ key }) => key.kind === 'number');
      const others = tree.children.filter(({ key }) => key.kind !== 'number');
      const members = [
        `extent: t${id}`,
        `children: ${this.#childMap(others)}`,
        ...(numbers.length === 0 ? [] : [`numbers: ${this.#childMap(numbers)}`]),
        ...(this.isReplaced(tree) ? [`isReplaced: () => M.t${id}`] : []),
      ];
      out.line(`const n${id} = { ${members.join(', ')} };`);
    }
  }

  #childMap(children: readonly TreeChild[]): string {
    const entries = children.map(({ key, target }) => {
      const literal = key.kind === 'number' ? quote(key.text) : this.#pool.constant(key);
      if (target.kind === 'tree') return `[${literal}, n${String(target.tree)}]`;
      const group = this.#plan.groups[target.group];
      const isDocument = group !== undefined && group.kind !== 'function';
      return `[${literal}, ${isDocument ? `d${String(group.id)}` : '() => undefined'}]`;
    });
    return `new Map([${entries.join(', ')}])`;
  }
}
