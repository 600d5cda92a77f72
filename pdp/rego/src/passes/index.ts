import type { RegoModule } from '../api.ts';
import type { RegoVersion } from '../ast.ts';
import type { Diagnostic } from '../diagnostics.ts';
import { parseModule } from '../parser/index.ts';
import { resolveModules } from './resolve.ts';

/** What a compiler front end says of modules: the stage that stopped, and why. */
export interface Verdict {
  readonly stage: 'ok' | 'parse' | 'compile';
  readonly diagnostics: readonly Diagnostic[];
}

/** Checks modules without generating code. Never throws. */
export const diagnose = (modules: readonly RegoModule[], version: RegoVersion): Verdict => {
  const parsed = modules.map(({ name, source }) => parseModule(source, name, version));
  const problems = parsed.flatMap(({ diagnostics }) => diagnostics);
  if (problems.length > 0) return { stage: 'parse', diagnostics: problems };
  const resolved = resolveModules(parsed.map(({ module }) => module).filter((module) => module !== undefined));
  if (resolved.diagnostics.length > 0) return { stage: 'compile', diagnostics: resolved.diagnostics };
  return { stage: 'ok', diagnostics: [] };
};
