import { ClosureError, libraryModules, policyModules } from '../closure.ts';
import { indexDomains } from '../domain-index.ts';
import { problemOf, subjectAt } from './subject.ts';
import type { CompileOptions, CompileResult, Diagnostic, RegoModule, RegoVersion } from '@edict/rego';
import type { Position, Problem } from '../problem.ts';
import type { SourcedDomain } from '../sourced-domain.ts';
import type { Subject } from './subject.ts';

/** How Rego is compiled while it is checked. */
export interface RegoCheckOptions {
  /** Built-ins that policies and libraries may not call; mappers may call all. */
  readonly unsafeBuiltins: readonly string[];
  /** Language of modules that do not say which. */
  readonly regoVersion: RegoVersion;
  readonly compile: Compile;
}

/** Compiles modules, as `compile` of `@edict/rego` does. */
export type Compile = (modules: readonly RegoModule[], options: CompileOptions) => CompileResult;

/** An entity with Rego, and the module that its text is. */
export interface RegoSubject {
  readonly subject: Subject;
  readonly module: RegoModule;
  readonly dependencies: readonly string[];
  readonly entrypoint: string | undefined;
}

/** The libraries, policies and mappers of a domain, in the order in which problems are reported. */
export function regoSubjects(sourced: SourcedDomain): readonly RegoSubject[] {
  const { domain } = sourced;
  return [
    ...domain.libraries.map((entity, index) => ({
      subject: subjectAt(sourced, 'library', 'libraries', index, entity),
      module: { name: entity.mrn, source: entity.rego },
      dependencies: entity.dependencies,
      entrypoint: undefined,
    })),
    ...domain.policies.map((entity, index) => ({
      subject: subjectAt(sourced, 'policy', 'policies', index, entity),
      module: { name: entity.mrn, source: entity.rego },
      dependencies: entity.dependencies,
      entrypoint: 'authz/allow',
    })),
    ...domain.mappers.map((entity, index) => ({
      subject: subjectAt(sourced, 'mapper', 'mappers', index, entity),
      module: { name: entity.name, source: entity.rego },
      dependencies: [],
      entrypoint: 'mapper/porc',
    })),
  ];
}

/** Turns a Rego diagnostic into a problem that points into the file, and into the Rego text. */
export function regoProblem(subject: Subject, source: Problem['source'], diagnostic: Diagnostic): Problem {
  const { row, col, file } = diagnostic.location;
  const problemClass = diagnostic.code === 'rego_parse_error' ? 'rego-parse' : 'rego-compile';
  const base = problemOf(subject, { source, class: problemClass, field: 'rego', message: diagnostic.message });
  // An error in a library shows up in each policy that needs it: then the place is not in the subject's own text.
  const elsewhere = file !== subject.id && file !== '';
  if (elsewhere)
    return { ...base, message: `${file}:${String(row)}:${String(col)}: ${base.message}`, regoCode: diagnostic.code };
  return { ...base, ...rowPlace(subject, row, col), rego: { row, col }, regoCode: diagnostic.code };
}

/** The place in the file of a row and column of the subject's Rego, so far as rows can be told apart there. */
export function rowPlace({ sourced, path }: Subject, row: number, col: number): Position | undefined {
  const start = sourced.regoRows.get(`${path}/rego`)?.[row - 1];
  return start === undefined ? undefined : { line: start.line, column: start.column + col - 1 };
}

/**
 * What compiling `modules` finds, each problem at the entity that `subjectOf` gives for the module that it is in. Blank
 * texts are refused, which a Rego parser would not do by itself.
 */
export function compileProblems(
  modules: readonly RegoModule[],
  entrypoint: string | undefined,
  subjectOf: (moduleName: string) => Subject,
  { compile, regoVersion, unsafeBuiltins }: RegoCheckOptions,
): readonly Problem[] {
  const blank = modules.find(({ source }) => source.trim() === '');
  if (blank !== undefined) {
    const subject = subjectOf(blank.name);
    const message = blank.name === subject.id ? 'the Rego text is empty' : `the Rego text of '${blank.name}' is empty`;
    const base = problemOf(subject, { source: 'opa-check', class: 'rego-compile', field: 'rego', message });
    return [{ ...base, regoCode: 'rego_parse_error' }];
  }
  const entrypoints = entrypoint === undefined ? [] : [entrypoint];
  const result = compile(modules, { regoVersion, entrypoints, unsafeBuiltins });
  if (result.ok) return [];
  return result.diagnostics.map((diagnostic) => {
    return regoProblem(subjectOf(diagnostic.location.file), 'opa-check', diagnostic);
  });
}

/** Rego that does not compile: every library, policy and mapper by itself, each with the libraries that it depends on. */
export function regoCompileProblems(domains: readonly SourcedDomain[], options: RegoCheckOptions): readonly Problem[] {
  const index = indexDomains(domains.map(({ domain }) => domain));
  const problems: Problem[] = [];
  for (const sourced of domains) {
    for (const { subject, module, entrypoint } of regoSubjects(sourced)) {
      const ref = { domain: sourced.domain.name, mrn: module.name };
      let modules: readonly RegoModule[];
      try {
        modules =
          subject.kind === 'mapper'
            ? [module]
            : subject.kind === 'policy'
              ? policyModules(index, ref)
              : libraryModules(index, ref);
      } catch (error) {
        if (!(error instanceof ClosureError)) throw error;
        problems.push(
          problemOf(subject, {
            source: 'reference',
            class: 'reference',
            field: 'dependencies',
            message: error.message,
          }),
        );
        continue;
      }
      const unsafeBuiltins = subject.kind === 'mapper' ? [] : options.unsafeBuiltins;
      problems.push(...compileProblems(modules, entrypoint, () => subject, { ...options, unsafeBuiltins }));
    }
  }
  return problems;
}
