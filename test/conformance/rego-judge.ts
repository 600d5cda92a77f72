import { compileQuery, runQuery, type QueryFailure } from '../../pdp/rego/src/query.ts';
import { checkModules } from '../../pdp/rego/src/compile.ts';
import { stringify, toJson } from '../../pdp/rego/src/runtime/json.ts';
import { keyOf, RegoSet, sortValues, type Value } from '../../pdp/rego/src/runtime/value.ts';
import { builtinDeclarations, type BuiltinDeclaration } from '../../pdp/rego/src/runtime/builtins/declarations.ts';
import { builtins, type Builtin } from '../../pdp/rego/src/runtime/builtins/registry.ts';

/** One case, as the files hold it. Numbers keep their text. */
export interface RegoCase {
  readonly case_id: string;
  readonly case_kind: 'eval' | 'compile';
  readonly case_rego_version: 'v0' | 'v1';
  readonly note: string;
  readonly query?: string;
  readonly modules?: readonly string[] | null;
  readonly data?: Value;
  readonly input?: Value;
  readonly input_term?: string;
  readonly want_result?: readonly Readonly<Record<string, Value>>[];
  readonly want_error?: string;
  readonly want_error_code?: string;
  readonly want_errors?: readonly WantedError[];
  readonly exhaustive?: boolean;
  readonly print_statements?: boolean;
  readonly sort_bindings?: boolean;
  readonly ignore_generated_vars?: boolean;
  readonly strict_error?: boolean;
  readonly rego_version?: 'v0' | 'v1' | 'v0-compat-v1';
}

interface WantedError {
  readonly module?: string;
  readonly code: string;
  readonly row?: number;
  readonly col?: number;
  readonly message: string;
}

/** What the cases call besides OPA's own built-ins. It need not sleep: the clock stands still in an evaluation anyway. */
(builtinDeclarations as Map<string, BuiltinDeclaration>).set('test.sleep', {
  name: 'test.sleep',
  signature: '(string) => null',
});
const sleep: Builtin = { name: 'test.sleep', evaluate: () => null };
const available: ReadonlyMap<string, Builtin> = new Map([...builtins, ['test.sleep', sleep]]);

/** Says what is wrong with our answer to a case, or undefined. */
export const judgeCase = (one: RegoCase): string | undefined =>
  one.case_kind === 'compile' ? judgeCompile(one) : judgeEvaluation(one);

const modulesOf = (one: RegoCase): readonly { readonly name: string; readonly source: string }[] =>
  (one.modules ?? []).map((source, index) => ({ name: `test-${String(index)}.rego`, source }));

const judgeCompile = (one: RegoCase): string | undefined => {
  const version = one.rego_version === 'v0' ? 'v0' : 'v1';
  const reported = checkModules(modulesOf(one), {
    regoVersion: version,
    print: one.print_statements === true ? 'keep' : 'erase',
  });
  const texts = reported.map(
    (d) => `${d.location.file}:${String(d.location.row)}:${String(d.location.col)} ${d.code}: ${d.message}`,
  );
  if (reported.length === 0) return 'compiled without errors';
  const open = [...reported];
  for (const want of one.want_errors ?? []) {
    const index = open.findIndex(
      (d) =>
        d.code === want.code &&
        d.message === want.message &&
        d.location.file === (want.module ?? 'test-0.rego') &&
        (want.row === undefined || want.row === 0 || d.location.row === want.row) &&
        (want.col === undefined || want.col === 0 || d.location.col === want.col),
    );
    if (index < 0) return `missing ${JSON.stringify(want)} in\n  ${texts.join('\n  ')}`;
    open.splice(index, 1);
  }
  return one.exhaustive === true && open.length > 0 ? `more errors than wanted:\n  ${texts.join('\n  ')}` : undefined;
};

const judgeEvaluation = (one: RegoCase): string | undefined => {
  const compiled = compileQuery(one.query ?? '', modulesOf(one), {
    regoVersion: one.case_rego_version,
    inputTerm: one.input_term,
  });
  if (!compiled.ok) {
    const texts = compiled.diagnostics.map(
      (d) => `${d.location.file}:${String(d.location.row)} ${d.code}: ${d.message}`,
    );
    return `does not compile: ${texts.join('; ')}`;
  }
  const { rows, failure } = runQuery(compiled.query, {
    data: one.data ?? {},
    input: one.input ?? undefined,
    strictBuiltinErrors: one.strict_error === true,
    builtins: available,
  });
  return judgeFailure(one, failure) ?? judgeRows(one, rows);
};

const judgeFailure = (one: RegoCase, failure: QueryFailure | undefined): string | undefined => {
  const wanted = one.want_error !== undefined || one.want_error_code !== undefined;
  if (failure === undefined)
    return wanted ? `no error; wanted ${one.want_error_code ?? ''} ${one.want_error ?? ''}` : undefined;
  const place = failure.location === undefined ? '' : `${failure.location.file}:${String(failure.location.row)}: `;
  const text = `${place}${failure.code}: ${failure.message}`;
  if (!wanted) return `error: ${text}`;
  if (one.want_error !== undefined && !text.includes(one.want_error))
    return `error: ${text}; wanted text: ${one.want_error}`;
  if (one.want_error_code !== undefined && failure.code !== one.want_error_code) {
    return `error: ${text}; wanted code: ${one.want_error_code}`;
  }
  return undefined;
};

const judgeRows = (one: RegoCase, rows: readonly Readonly<Record<string, Value>>[]): string | undefined => {
  if (one.want_result === undefined) return undefined;
  const prepare = (row: Readonly<Record<string, Value>>): Value => {
    const result: Record<string, Value> = {};
    for (const [name, value] of Object.entries(row)) {
      if (one.ignore_generated_vars === true && name.startsWith('__localq')) continue;
      const json = toJson(value);
      result[name] = one.sort_bindings === true && Array.isArray(json) ? sortValues([...(json as Value[])]) : json;
    }
    return result;
  };
  const got = new RegoSet(rows.map(prepare));
  const want = new RegoSet(one.want_result.map(prepare));
  if (keyOf(got) === keyOf(want)) return undefined;
  return `got  ${shorten(got)}\n  want ${shorten(want)}`;
};

const shorten = (rows: RegoSet): string => {
  const text = stringify(toJson(rows));
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
};
