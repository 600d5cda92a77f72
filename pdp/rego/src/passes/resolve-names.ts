import type { Import, Module, Rule } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { checkDocumentNames, checkImports, printImport } from './check-overrides.ts';
import { rewriteHeadRef } from './head-refs.ts';
import { rewriteLocals } from './locals.ts';
import { globalsOf, importName, isLanguageImport } from './names.ts';
import { resolveRefs } from './resolve-refs.ts';
import { UniqueNames } from './scope.ts';
import { mapList } from './transform.ts';
import { needsUnboundGenerated, neverDefined } from './unbound-heads.ts';
import type { ResolvedModule, ResolvedRule } from './unit.ts';

/** Modules whose names are absolute and whose locals are unique. */
export interface NamedModules {
  /** Complete only without `fatal`. */
  readonly modules: readonly ResolvedModule[];
  /** What stops compilation. */
  readonly fatal: readonly Diagnostic[];
  /** What does not. */
  readonly recoverable: readonly Diagnostic[];
}

/** Settles what the names of modules mean that are compiled together: those of rules and imports, then locals. */
export const resolveNames = (modules: readonly Module[], strict: boolean): NamedModules => {
  const naming = new Naming(modules, strict);
  const resolved = modules.map((module) => naming.module(module));
  return { modules: resolved, ...naming.problems() };
};

/** Takes each rule through all steps before the next: what lies between the steps does not outlive them. */
class Naming {
  readonly #strict: boolean;
  /** The names of the rules of each package. */
  readonly #names = new Map<string, Set<string>>();
  readonly #refs: Diagnostic[] = [];
  readonly #locals: Diagnostic[] = [];
  readonly #unusedImports: Diagnostic[] = [];
  readonly #recoverable: Diagnostic[] = [];
  #id = 0;

  constructor(modules: readonly Module[], strict: boolean) {
    this.#strict = strict;
    for (const module of modules) {
      const known = this.#namesBeside(module);
      for (const { head } of module.rules) if (head.ref.head.kind === 'var') known.add(head.ref.head.name);
    }
  }

  #namesBeside(module: Module): Set<string> {
    const key = JSON.stringify(module.package);
    const known = this.#names.get(key) ?? new Set();
    this.#names.set(key, known);
    return known;
  }

  /** Where names of rules or imports are wrong, what is wrong with locals would be echoes. */
  problems(): Pick<NamedModules, 'fatal' | 'recoverable'> {
    if (this.#refs.length > 0) return { fatal: this.#refs, recoverable: [] };
    return { fatal: this.#locals, recoverable: [...this.#unusedImports, ...this.#recoverable] };
  }

  module(module: Module): ResolvedModule {
    const globals = globalsOf(module, this.#namesBeside(module));
    const wantsOwnNames = this.#strict || module.regoVersion === 'v1';
    if (wantsOwnNames) this.#recoverable.push(...checkImports(module));
    const used = new Set<string>();
    const rules = module.rules.map((rule) => {
      const { rule: resolved, diagnostics } = resolveRefs(rule, globals, used);
      this.#refs.push(...diagnostics);
      if (wantsOwnNames) this.#recoverable.push(...checkDocumentNames([resolved]));
      return this.#numbered(this.#rename(resolved, module), module);
    });
    if (this.#strict) this.#reportUnused(module.imports, used);
    return { ...module, imports: [], importRows: module.imports.map(({ location }) => location.row), rules };
  }

  #reportUnused(imports: readonly Import[], used: ReadonlySet<string>): void {
    for (const one of imports) {
      if (isLanguageImport(one) || used.has(importName(one))) continue;
      const message = `${printImport(one)} unused`;
      this.#unusedImports.push({ code: 'rego_compile_error', message, location: one.location });
    }
  }

  #rename(rule: Rule, module: Module): Rule {
    const names = new UniqueNames();
    const absolute = mapChain(rule, (one) => rewriteHeadRef(one, module.package, names));
    const { rule: renamed, diagnostics, recoverable } = rewriteLocals(absolute, names, this.#strict);
    this.#locals.push(...diagnostics);
    this.#recoverable.push(...recoverable);
    return mapChain(renamed, (one) => (needsUnboundGenerated(one) ? neverDefined(one) : one));
  }

  #numbered(rule: Rule, module: Module): ResolvedRule {
    const id = this.#id++;
    return { ...rule, id, regoVersion: module.regoVersion, else: rule.else && this.#numbered(rule.else, module) };
  }
}

/** Maps a rule and each of its `else`s alone. */
const mapChain = <R extends Rule & { readonly else: R | undefined }>(rule: R, map: (rule: R) => R): R => {
  const mapped = map(rule);
  if (rule.else === undefined) return mapped;
  const otherwise = mapChain<R>(rule.else, map);
  return otherwise === mapped.else ? mapped : { ...mapped, else: otherwise };
};

/** Maps the rules of modules, each alone. */
export const mapRules = (
  modules: readonly ResolvedModule[],
  map: (rule: ResolvedRule) => ResolvedRule,
): readonly ResolvedModule[] =>
  mapList(modules, (module) => {
    const rules = mapList(module.rules, (rule) => mapChain(rule, map));
    return rules === module.rules ? module : { ...module, rules };
  });
