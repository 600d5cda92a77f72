import type { Diagnostic } from '../../diagnostics.ts';
import { parseModuleAndComments } from '../../parser/index.ts';
import type { BuiltinFamily } from './builtin.ts';
import { moduleValue } from './module-json.ts';
import { typeError } from './operands.ts';

/** Rego text as data. */
export const modules: BuiltinFamily = {
  'rego.parse_module': (ctx, file, text) => {
    if (typeof file !== 'string') return typeError(ctx, 1, file, 'string');
    if (typeof text !== 'string') return typeError(ctx, 2, text, 'string');
    const { module, diagnostics, comments } = parseModuleAndComments(text, file, 'v1');
    if (module !== undefined) return moduleValue(module, text, comments);
    return ctx.fail('eval_builtin_error', () => problemText(diagnostics));
  },
};

function problemText(diagnostics: readonly Diagnostic[]): string {
  const lines = diagnostics.map(
    ({ code, message, location }) => `${location.file}:${String(location.row)}: ${code}: ${message}`,
  );
  // A problem without a place concerns the whole text.
  if (diagnostics[0]?.location.row === 0) return lines.join('\n');
  return lines.length === 1
    ? `1 error occurred: ${lines.join()}`
    : `${String(lines.length)} errors occurred:\n${lines.join('\n')}`;
}
