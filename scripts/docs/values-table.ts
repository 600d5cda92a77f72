/** The parts of JSON Schema that values of the chart are described by. */
export interface ValueSchema {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly items?: ValueSchema;
}

const BEGIN = '<!-- Made from values.yaml and values.schema.json by "npm run generate". Do not edit what follows. -->';
const END = '<!-- End of what is made. -->';
/** Members of it are those of a kind, which have a page of their own. */
const FLEET = 'firstPolicyDecisionPoint';

/** The page with its table of values made anew. Throws when it has no place for one. */
export function withValuesTable(page: string, schema: ValueSchema, values: unknown): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error('the page has no marks for the table of values');
  return `${page.slice(0, from)}${BEGIN}\n<!-- prettier-ignore-start -->\n\n${valuesTable(schema, values)}\n<!-- prettier-ignore-end -->\n${page.slice(to)}`;
}

/** Every value with its type, its default and what it means. */
function valuesTable(schema: ValueSchema, values: unknown): string {
  const rows = Object.entries(schema.properties ?? {})
    .filter(([name]) => name !== 'global')
    .flatMap(([name, child]) => rowsOf(child, [name], memberOf(values, name)));
  return `| value | type | default | meaning |\n|---|---|---|---|\n${rows.join('')}`;
}

function rowsOf(schema: ValueSchema, path: readonly string[], value: unknown): readonly string[] {
  const isOfKind = path.length === 2 && path[0] === FLEET;
  if (schema.properties === undefined || isOfKind) return [row(schema, path.join('.'), value)];
  return Object.entries(schema.properties).flatMap(([name, child]) =>
    rowsOf(child, [...path, name], memberOf(value, name)),
  );
}

function row(schema: ValueSchema, name: string, value: unknown): string {
  const shown = value === undefined ? '' : `\`${JSON.stringify(value)}\``;
  const cells = [`\`${name}\``, typeOf(schema), shown, schema.description ?? ''];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}

function typeOf({ type, enum: choices, items }: ValueSchema): string {
  if (choices !== undefined) return choices.map((choice) => `\`${String(choice)}\``).join(', ');
  if (type === 'array') return `list of ${items === undefined ? 'anything' : typeOf(items)}`;
  return typeof type === 'string' ? type : (type ?? []).join(' or ');
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
