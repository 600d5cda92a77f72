import path from 'node:path';
import { format } from 'prettier';
import { objectsOf, type Rendered } from './renderings.ts';

/** What `edict doctor` asks the API server about, made from the chart. */
export const RIGHTS_FILE = path.resolve(import.meta.dirname, '../../cli/src/doctor/operator-rights.ts');

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Role extends Rendered {
  readonly rules: readonly Rule[];
}
interface Binding extends Rendered {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly kind: string; readonly name: string }[];
}

/** The text of that file for a rendering of the chart: the rules of every role that is bound to the operator's account. */
export async function rightsFile(rendering: string): Promise<string> {
  const objects = objectsOf(rendering);
  const bound = (kind: string): readonly Rule[] =>
    objects
      .filter((one): one is Binding => one.kind === `${kind}Binding`)
      .filter(({ subjects }) => subjects.some(({ name }) => name === 'edict-operator'))
      .flatMap(({ roleRef }) =>
        objects.filter((one): one is Role => one.kind === roleRef.kind && one.metadata.name === roleRef.name),
      )
      .flatMap(({ rules }) => rules);
  const text = `// Made from the chart by "npm run golden". Do not edit.

/** Verbs on resources, as in a role. Names are those of release \`edict\`. */
export interface RightsRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** What the operator may do in every namespace. */
export const CLUSTER_RIGHTS: readonly RightsRule[] = ${JSON.stringify(bound('ClusterRole'))};

/** What it may do in its own namespace besides. */
export const OWN_NAMESPACE_RIGHTS: readonly RightsRule[] = ${JSON.stringify(bound('Role'))};
`;
  return format(text, { parser: 'typescript', printWidth: 120, singleQuote: true, trailingComma: 'all' });
}
