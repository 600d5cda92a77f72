import type { SchemaDocument } from '../api.ts';
import type { RefTerm } from '../ast.ts';
import type { Diagnostic, Location } from '../diagnostics.ts';
import { parseJson } from '../runtime/json.ts';
import type { Value } from '../runtime/value.ts';
import type { DocumentType, SchemaTypes } from '../types/document-type.ts';
import { typeOfSchema, type SchemaType } from '../types/schema-type.ts';
import type { SchemaAnnotation } from './annotations.ts';
import { groundPath, type Described } from './rewrite-metadata.ts';
import type { ResolvedModule } from './unit.ts';
import { chainOf } from './walk.ts';

/**
 * Reads schemas: those that were given, and those that annotations hold or name. What annotations name counts only where
 * schemas were given.
 */
export const schemaTypesOf = (
  documents: readonly SchemaDocument[] | undefined,
  modules: readonly ResolvedModule[],
  annotations: readonly Described[],
): { readonly types: SchemaTypes; readonly diagnostics: readonly Diagnostic[] } => {
  const schemas = new Map(documents?.map(({ path, schema }) => [JSON.stringify(path), schema]));
  const known = new Map<string, SchemaType>();
  const typeOf = (key: string): SchemaType | undefined => {
    const schema = schemas.get(key);
    if (schema === undefined) return undefined;
    const type = known.get(key) ?? typeOfSchema(schema);
    known.set(key, type);
    return type;
  };
  const typeOfAnnotation = ({ path, schema }: SchemaAnnotation): readonly DocumentType[] => {
    if ('problem' in schema) return [{ ok: false, message: schema.problem }];
    if ('definition' in schema) return [placed(path, typeOfSchema(plainJson(schema.definition)))];
    if (documents === undefined) return [];
    const type = typeOf(JSON.stringify(schema.name));
    return [type === undefined ? { ok: false, message: `undefined schema: ${schema.written}` } : placed(path, type)];
  };
  const input = typeOf('[]');
  return {
    types: {
      input: input?.ok === true ? input.type : undefined,
      ofRule: byRule(modules, annotations, typeOfAnnotation),
    },
    diagnostics:
      input?.ok === false ? [{ code: 'rego_type_error', message: input.message, location: startOf(modules) }] : [],
  };
};

const placed = (path: RefTerm, result: SchemaType): DocumentType =>
  result.ok ? { ok: true, path, type: result.type } : result;

const startOf = ([first]: readonly ResolvedModule[]): Location =>
  first?.packageLocation ?? { file: '', row: 1, col: 1, start: 0, end: 0 };

/** JSON as the runtime reads it: numbers keep their text. */
const plainJson = (value: unknown): Value => {
  const parsed = parseJson(JSON.stringify(value));
  return parsed.ok ? parsed.value : null;
};

const byRule = (
  modules: readonly ResolvedModule[],
  annotations: readonly Described[],
  typeOf: (annotation: SchemaAnnotation) => readonly DocumentType[],
): SchemaTypes['ofRule'] => {
  const read = annotations
    .filter(({ annotation }) => annotation.schemas.length > 0)
    .map((one) => ({ ...one, types: one.annotation.schemas.flatMap(typeOf) }));
  if (read.length === 0) return () => [];
  const packages = new Map(
    modules.flatMap((module) =>
      module.rules.flatMap((rule) => [...chainOf(rule)].map(({ id }) => [id, module.package] as const)),
    ),
  );
  return (rule) => {
    const own = packages.get(rule.id) ?? [];
    const path = groundPath(rule);
    const around = read
      .filter(({ scope, path: described }) => scope === 'subpackages' && startsWith(own, described))
      .sort((a, b) => a.path.length - b.path.length);
    const ofPackage = read.filter(({ scope, path: described }) => scope === 'package' && isSame(own, described));
    const ofDocument = read.filter(({ scope, path: described }) => scope === 'document' && isSame(path, described));
    const ofRule = read.filter((one) => one.scope === 'rule' && one.rule?.id === rule.id);
    return [...around, ...ofPackage, ...ofDocument, ...ofRule].flatMap(({ types }) => types);
  };
};

const startsWith = (path: readonly string[], start: readonly string[]): boolean =>
  start.length <= path.length && start.every((part, index) => path[index] === part);

const isSame = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && startsWith(a, b);
