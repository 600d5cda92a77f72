import type { CompileOptions, CompileResult, RegoModule } from './api.ts';
import type { Diagnostic } from './diagnostics.ts';

/** Compiles modules to a {@link Program}. Never throws for anything that module text can cause. */
export const compile = (modules: readonly RegoModule[], options: CompileOptions): CompileResult => {
  void modules;
  void options;
  throw new Error('the compiler is not wired yet');
};

/** Every problem that keeps one module, taken alone, from loading. Empty when it is accepted. */
export const checkModule = (
  module: RegoModule,
  options: Partial<CompileOptions> = {},
): readonly Diagnostic[] => {
  const result = compile([module], { ...options, entrypoints: options.entrypoints ?? [] });
  return result.ok ? [] : result.diagnostics;
};
