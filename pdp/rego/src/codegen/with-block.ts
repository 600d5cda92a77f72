import type { Block, LocalId, Operand, Override, Step } from '../plan/ir.ts';
import type { Exits, ProgramNames } from './block-context.ts';
import type { Mark, Writer } from './writer.ts';

/** What a `with` needs of the writer of the block that it stands in. */
export interface WithHost {
  readonly out: Writer;
  readonly names: ProgramNames;
  /** How often each local is read. */
  readonly uses: ReadonlyMap<LocalId, number>;
  readonly label: (prefix: string) => string;
  /** An expression that may stand twice. */
  readonly atom: (operand: Operand) => string;
  /** Notes that a local is declared here. */
  readonly stands: (local: LocalId) => void;
  readonly block: (block: Block, exits: Exits) => void;
  /** Writes what stands under the replacements. */
  readonly replaced: (write: () => void) => void;
  /** Writes the body of a loop; `mark` is the place in front of it. */
  readonly inLoop: (mark: Mark, write: () => void) => void;
}

/**
 * Writes a body under replacements and what follows it: the replacements are gone where the body succeeds or fails, so
 * that each success is kept and the rest runs behind them.
 */
export const writeWith = (step: Extract<Step, { readonly kind: 'with' }>, exits: Exits, host: WithHost): void => {
  const { out } = host;
  const label = host.label('W');
  const n = label.slice(1);
  const exported = [...new Set(step.exports)].filter((id) => host.uses.has(id));
  const values = step.overrides.map((override) => overrideValue(override, host));
  out.line(`const sm${n} = M, si${n} = I, sd${n} = D;`);
  out.line(step.many ? `const rows${n} = [];` : `let ok${n} = false;`);
  if (!step.many) for (const id of exported) out.line(`let y${n}_${String(id)};`);
  out.line(`M = sm${n}.next();`);
  step.overrides.forEach((override, index) => {
    for (const line of overrideLines(override, values[index] ?? 'undefined', host.names)) out.line(line);
  });
  host.replaced(() => {
    out.block(`${label}: {`, () => {
      const save = exported.map((id) => `l${String(id)}`);
      const succeed = step.many
        ? `rows${n}.push([${save.join(', ')}]);`
        : `${exported.map((id) => `y${n}_${String(id)} = l${String(id)}; `).join('')}ok${n} = true; break ${label};`;
      host.block(step.body, { fail: `break ${label};`, succeed, ordered: step.many && exits.ordered });
    });
  });
  out.line(`M = sm${n}; I = si${n}; D = sd${n};`);
  if (!step.many) {
    out.line(`if (!ok${n}) ${exits.fail}`);
    for (const id of exported) {
      host.stands(id);
      out.line(`const l${String(id)} = y${n}_${String(id)};`);
    }
    host.block(step.rest, exits);
    return;
  }
  const loop = host.label('L');
  const mark = out.mark();
  out.block(`${loop}: for (const row of rows${n}) {`, () => {
    host.inLoop(mark, () => {
      exported.forEach((id, index) => {
        host.stands(id);
        out.line(`const l${String(id)} = row[${String(index)}];`);
      });
      host.block(step.rest, { ...exits, fail: `continue ${loop};` });
    });
  });
  out.line(exits.fail);
};

const overrideValue = (override: Override, host: WithHost): string => {
  if (override.kind !== 'function') return host.atom(override.value);
  const { by } = override;
  return by.kind === 'value' ? host.atom(by.value) : '';
};

const overrideLines = (override: Override, value: string, names: ProgramNames): readonly string[] => {
  switch (override.kind) {
    case 'input':
      if (override.path.length === 0) return [`I = ${value};`];
      return [`I = setPath(I, ${names.pool.path(override.path)}, ${value});`];
    case 'data':
      return [
        `D = setPath(D, ${names.pool.path(override.path)}, ${value});`,
        ...names.overrideData(override.path, value),
      ];
    case 'function': {
      const slot = `M.o${String(override.slot)}`;
      if (override.by.kind === 'value') return [`${slot} = () => ${value};`];
      if (override.by.kind === 'document') {
        const { value: document } = override.by;
        return [
          `${slot} = () => ${document.kind === 'group' ? names.group(document.group) : names.tree(document.tree)};`,
        ];
      }
      const arity = names.slotArity(override.slot);
      const params = Array.from({ length: arity }, (_, index) => `z${String(index)}`);
      const callee =
        override.by.kind === 'function'
          ? `${names.call(override.by.group)}(${params.join(', ')})`
          : `${names.pool.builtin(override.by.name)}(${['C', ...params].join(', ')})`;
      // What stands in for a function sees none of the functions replaced.
      return [
        `${slot} = (${params.join(', ')}) => { const f = M; M = f.bare(); const v = ${callee}; M = f; return v; };`,
      ];
    }
    default:
      return override satisfies never;
  }
};
