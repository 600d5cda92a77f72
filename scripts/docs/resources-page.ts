import { KINDS, toCrd } from '../../crds/src/index.ts';

interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message?: string }[];
}

interface Crd {
  readonly spec: {
    readonly names: { readonly plural: string; readonly shortNames: readonly string[] };
    readonly versions: readonly [
      {
        readonly name: string;
        readonly schema: { readonly openAPIV3Schema: Schema };
        readonly additionalPrinterColumns: readonly { readonly name: string; readonly description?: string }[];
      },
    ];
  };
}

const HEAD = `# Resources of \`edict.dev/v1beta1\`

<!-- Made from crds/src by "npm run generate". Do not edit. -->
<!-- prettier-ignore-start -->

Every kind of the API, with every member. \`[]\` stands for the items of a list, \`{}\` for the values of a map. Members in **bold** are
required. What is not listed is dropped by the API server; \`kubectl apply --validate=strict\` (the default) says so.
\`kubectl explain policydomain.spec\` prints the same.
`;

/** The page of every kind: members with type, bounds, default and meaning, and the rules that go beyond one member. */
export function resourcesPage(): string {
  return `${HEAD}${KINDS.map((kind) => section(toCrd(kind) as unknown as Crd, kind.kind)).join('')}\n<!-- prettier-ignore-end -->\n`;
}

function section({ spec }: Crd, kind: string): string {
  const [{ schema, additionalPrinterColumns }] = spec.versions;
  const { openAPIV3Schema: root } = schema;
  const { plural, shortNames } = spec.names;
  const columns = additionalPrinterColumns.map(({ name, description }) =>
    description === undefined ? name : `${name} (${lowered(description)})`,
  );
  const short = shortNames.length === 0 ? '' : `, short ${shortNames.map((name) => `\`${name}\``).join(', ')}`;
  const part = (name: 'spec' | 'status'): string => {
    const of = root.properties?.[name];
    const rows = of === undefined ? [] : members(of, '', 0);
    return rows.length === 0 ? '' : `\n### ${kind} \`${name}\`\n\n${table(rows)}${rules(of)}`;
  };
  return `\n## ${kind}\n\n${root.description ?? ''}\n\n\`kubectl get ${plural}\`${short}. Columns: ${columns.join(', ')}.\n${rules(root)}${part('spec')}${part('status')}`;
}

function table(rows: readonly string[]): string {
  return `| member | type | default | meaning |\n|---|---|---|---|\n${rows.join('')}`;
}

/** Deeper than this nothing of ours goes. */
const MAX_DEPTH = 12;

function members(schema: Schema, prefix: string, depth: number): readonly string[] {
  if (depth > MAX_DEPTH) throw new Error(`the schema is deeper than ${MAX_DEPTH} at ${prefix}`);
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const path = `${prefix}${name}`;
    const isRequired = schema.required?.includes(name) === true;
    const [inner, suffix] = insideOf(child);
    return [row(path, child, isRequired), ...members(inner, `${path}${suffix}.`, depth + 1)];
  });
}

/** What the members below a member are members of. */
function insideOf(schema: Schema): readonly [Schema, string] {
  if (schema.items !== undefined) {
    const [inner, suffix] = insideOf(schema.items);
    return [inner, `[]${suffix}`];
  }
  if (schema.additionalProperties !== undefined) {
    const [inner, suffix] = insideOf(schema.additionalProperties);
    return [inner, `{}${suffix}`];
  }
  return [schema, ''];
}

function row(path: string, schema: Schema, isRequired: boolean): string {
  const name = isRequired ? `**\`${path}\`**` : `\`${path}\``;
  const byDefault = schema.default === undefined ? '' : `\`${JSON.stringify(schema.default)}\``;
  const cells = [name, typeOf(schema), byDefault, `${schema.description ?? ''}${bounds(schema)}`];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |\n`;
}

function typeOf(schema: Schema): string {
  if (schema.enum !== undefined) return schema.enum.map((choice) => `\`${String(choice)}\``).join(', ');
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  if (schema.additionalProperties !== undefined) return `map of ${typeOf(schema.additionalProperties)}`;
  return schema.type ?? 'anything';
}

function bounds({ minimum, maximum, maxLength, maxItems }: Schema): string {
  const said = [
    ...(minimum === undefined ? [] : [`at least ${minimum}`]),
    ...(maximum === undefined ? [] : [`at most ${maximum}`]),
    ...(maxLength === undefined ? [] : [`at most ${maxLength} characters`]),
    ...(maxItems === undefined ? [] : [`at most ${maxItems}`]),
  ];
  return said.length === 0 ? '' : ` (${said.join(', ')})`;
}

/** Rules of the whole that the API server checks. */
function rules(schema: Schema | undefined): string {
  const all = schema?.['x-kubernetes-validations'] ?? [];
  return all.length === 0
    ? ''
    : `\nRules:\n\n${all.map(({ rule, message }) => `- ${message ?? `\`${rule}\``}\n`).join('')}`;
}

function lowered(text: string): string {
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`.replace(/\.$/, '');
}
