import { parseModule } from '@edict/rego/syntax';
import type { RegoModule, RegoVersion } from '@edict/rego';

/** A package, or a document that rules define, by its path below `data`. */
export interface RulePlace {
  readonly path: readonly string[];
  readonly kind: 'package' | 'rule';
  /** The module's name, and where in its text. */
  readonly module: string;
  readonly row: number;
  readonly col: number;
}

/** What a module defines: its package, and each rule at the part of its name that holds no variable. None if it does not parse. */
export function rulePlaces({ name, source }: RegoModule, version: RegoVersion): readonly RulePlace[] {
  const { module } = parseModule(source, name, version);
  if (module === undefined) return [];
  const { row, col } = module.packageLocation;
  const places: RulePlace[] = [{ path: module.package, kind: 'package', module: name, row, col }];
  for (const { head, location } of module.rules) {
    const { ref } = head;
    const path = [...module.package, ref.head.kind === 'var' ? ref.head.name : ''];
    for (const part of ref.path) {
      if (part.kind !== 'string') break;
      path.push(part.value);
    }
    places.push({ path, kind: 'rule', module: name, row: location.row, col: location.col });
  }
  return places;
}
