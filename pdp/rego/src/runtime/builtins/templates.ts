import { toJson } from '../json.ts';
import type { BuiltinFamily } from './builtin.ts';
import { builtinError, objectOperand, typeError } from './operands.ts';
import { parseTemplate, TemplateProblem } from './template-parse.ts';
import { runTemplate } from './template-run.ts';

/** Templates of Go's text/template. */
export const templates: BuiltinFamily = {
  'strings.render_template': (ctx, source, values) => {
    if (typeof source !== 'string') return typeError(ctx, 1, source, 'string');
    const object = objectOperand(ctx, values, 2);
    if (object === undefined) return undefined;
    try {
      return runTemplate(parseTemplate(source), toJson(object)).replaceAll('<no value>', '<undefined>');
    } catch (error) {
      if (error instanceof TemplateProblem) return builtinError(ctx, error.message);
      throw error;
    }
  },
};
