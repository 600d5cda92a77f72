import { toJson } from '../json.ts';
import type { BuiltinFamily } from './builtin.ts';
import { builtinError, typeError } from './operands.ts';
import { readYaml } from './yaml-read.ts';
import { writeYaml } from './yaml-write.ts';

/** YAML as OPA reads and writes it: the first document, as JSON. */
export const yaml: BuiltinFamily = {
  'yaml.marshal': (_ctx, value) => writeYaml(toJson(value)),
  'yaml.unmarshal': (ctx, text) => {
    if (typeof text !== 'string') return typeError(ctx, 1, text, 'string');
    const result = readYaml(text);
    return result.ok ? result.value : builtinError(ctx, result.message);
  },
  'yaml.is_valid': (_ctx, text) => typeof text === 'string' && readYaml(text).ok,
};
