import type { Module, Rule } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { readAnnotation, type Annotation, type Scope } from './annotations.ts';

/** An annotation with what it describes. `R` is the form of rules. */
export interface Attached<R extends Rule = Rule> {
  readonly annotation: Annotation;
  readonly scope: Scope;
  /** The rule behind it, for the scopes `rule` and `document`. */
  readonly rule: R | undefined;
}

/** A module in any form. */
interface Annotated<R extends Rule> extends Pick<Module, 'packageLocation' | 'metadata'> {
  readonly rules: readonly R[];
}

/**
 * Reads a module's blocks, and finds what each describes: the statement that follows it. `importRows` says where imports
 * stand: what is above one of them is misplaced.
 */
export const attachAnnotations = <R extends Rule>(
  module: Annotated<R>,
  importRows: readonly number[],
  diagnostics: Diagnostic[],
): Attached<R>[] => {
  const found: Attached<R>[] = [];
  if (module.metadata === undefined) return found;
  const statements: { row: number; rule: R | 'package' | 'import' }[] = [
    { row: module.packageLocation.row, rule: 'package' as const },
    ...importRows.map((row) => ({ row, rule: 'import' as const })),
    ...module.rules.map((rule) => ({ row: rule.location.row, rule })),
  ];
  statements.sort((a, b) => a.row - b.row);
  for (const block of module.metadata) {
    const annotation = readAnnotation(block);
    if ('code' in annotation) {
      diagnostics.push(annotation);
      continue;
    }
    const target = statements.find(({ row }) => row > annotation.location.row)?.rule;
    const rule = typeof target === 'object' ? target : undefined;
    const scope = annotation.scope ?? defaultScope(annotation, target);
    const problems = misplaced(annotation, scope, target);
    for (const message of problems) {
      diagnostics.push({ code: 'rego_parse_error', message, location: annotation.location });
    }
    if (problems.length > 0) continue;
    found.push({ annotation, scope: scope as Scope, rule });
  }
  return found;
};

const defaultScope = (annotation: Annotation, target: Rule | string | undefined): string => {
  if (typeof target === 'object') return annotation.entrypoint ? 'document' : 'rule';
  return target ?? '';
};

const misplaced = (annotation: Annotation, scope: string, target: Rule | string | undefined): readonly string[] => {
  const problems: string[] = [];
  const wanted = scope === 'rule' || scope === 'document' ? 'rule' : 'package';
  const have = typeof target === 'object' ? 'rule' : target;
  if (scope !== 'rule' && scope !== 'document' && scope !== 'package' && scope !== 'subpackages') {
    problems.push(`invalid annotation scope '${scope}'. Use one of 'rule', 'document', 'package', or 'subpackages'`);
  } else if (have !== wanted) {
    const what = have === undefined ? '' : ` (have ${have})`;
    problems.push(`annotation scope '${scope}' must be applied to ${wanted}${what}`);
  }
  if (annotation.entrypoint && scope !== 'document' && scope !== 'package') {
    problems.push(`annotation entrypoint applied to non-document or package scope '${scope}'`);
  }
  return problems;
};

/** A document, a package and a tree of packages have one annotation each. */
export const checkDuplicates = (
  attached: readonly (Attached & { readonly path: readonly string[] })[],
  diagnostics: Diagnostic[],
): void => {
  const seen = new Map<string, Location>();
  for (const { annotation, scope, path } of attached) {
    if (scope === 'rule') continue;
    const key = JSON.stringify([scope, path]);
    const other = seen.get(key);
    if (other === undefined) {
      seen.set(key, annotation.location);
      continue;
    }
    const message = `${scope} annotation redeclared: ${other.file}:${other.row}`;
    diagnostics.push({ code: 'rego_type_error', message, location: annotation.location });
  }
};

/** What is wrong with the annotations of a module as parsed, which an evaluation does not mind. */
export const annotationProblems = (module: Module): readonly Diagnostic[] => {
  const diagnostics: Diagnostic[] = [];
  attachAnnotations(
    module,
    module.imports.map(({ location }) => location.row),
    diagnostics,
  );
  return diagnostics;
};
