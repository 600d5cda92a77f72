import { createHash } from 'node:crypto';
import { compile } from '@edict/rego';
import type { CompileOptions, CompileResult, Program, RegoModule } from '@edict/rego';
import type { CompiledProgram, CompiledSnapshot } from './compiled-snapshot.ts';

/**
 * Compiles each distinct program once: equal modules under equal options give the same program, and those of an earlier
 * snapshot are not compiled again.
 */
export class ProgramStore {
  readonly #results = new Map<string, CompileResult>();
  readonly #positions = new Map<string, number>();
  readonly #programs: CompiledProgram[] = [];

  constructor(earlier: CompiledSnapshot | undefined) {
    const documents = earlier?.documents === undefined ? [] : [earlier.documents.program];
    for (const { key, program } of [...(earlier?.programs ?? []), ...documents]) {
      this.#results.set(key, { ok: true, program });
    }
  }

  /** Like `compile`, remembering results. */
  readonly compile = (modules: readonly RegoModule[], options: CompileOptions): CompileResult => {
    return this.#compileKeyed(programKey(modules, options), modules, options);
  };

  /** The program by itself, without adding it to {@link programs}; undefined if it does not compile. */
  get(modules: readonly RegoModule[], options: CompileOptions): CompiledProgram | undefined {
    const key = programKey(modules, options);
    const result = this.#compileKeyed(key, modules, options);
    return result.ok ? { key, program: result.program } : undefined;
  }

  /** The position of the program in {@link programs}, adding it if it is new; undefined if it does not compile. */
  add(modules: readonly RegoModule[], options: CompileOptions): number | undefined {
    const key = programKey(modules, options);
    const known = this.#positions.get(key);
    if (known !== undefined) return known;
    const result = this.#compileKeyed(key, modules, options);
    if (!result.ok) return undefined;
    const position = this.#programs.push({ key, program: result.program }) - 1;
    this.#positions.set(key, position);
    return position;
  }

  /** The programs added so far, in order of addition. */
  get programs(): readonly CompiledProgram[] {
    return this.#programs;
  }

  #compileKeyed(key: string, modules: readonly RegoModule[], options: CompileOptions): CompileResult {
    let result = this.#results.get(key);
    if (result === undefined) {
      result = compile(modules, options);
      this.#results.set(key, result);
    }
    return result;
  }
}

/** Version of the compiler's output that keys speak of: a program of another format is never reused. */
const format: Program['format'] = 1;

function programKey(modules: readonly RegoModule[], options: CompileOptions): string {
  const { regoVersion = 'v1', entrypoints, unsafeBuiltins = [], documents = false } = options;
  const texts = modules.map(({ name, source }) => [name, source]);
  const content = [format, regoVersion, entrypoints, unsafeBuiltins, documents, texts];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
