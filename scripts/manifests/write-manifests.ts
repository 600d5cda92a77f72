import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { dump, loadAll } from 'js-yaml';
import { KUBERNETES_VERSION, requireAssets } from '../kube-assets.ts';
import { runCommand } from '../run-command.ts';

/** How the chart is rendered. */
export interface ManifestOptions {
  readonly namespace: string;
  /** Further arguments of `helm template`. */
  readonly args: readonly string[];
}

/** A file of YAML. */
export interface Manifest {
  readonly name: string;
  readonly text: string;
}

interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [member: string]: unknown;
  };
  readonly [member: string]: unknown;
}

const CHART = path.resolve(import.meta.dirname, '../../helm');
const RELEASE = 'edict';
/** The file of the chart's defaults has no preset in its name. */
const PLAIN = '';

/**
 * The chart as plain YAML for `kubectl apply --server-side -f`, for each preset: `edict-<preset>.yaml` has the namespace, the
 * CRDs and the operator; `edict-<preset>-fleet.yaml` its first fleet, whose kinds must be there before kubectl reads it. Nothing in
 * it says that Helm made it, so a later `helm install` refuses rather than takes over what it does not know.
 */
export async function writeManifests(options: ManifestOptions): Promise<readonly Manifest[]> {
  const { helm } = await requireAssets(['helm']);
  const presets = (await readdir(path.join(CHART, 'presets'))).map((file) => path.basename(file, '.yaml'));
  const manifests: Manifest[] = [];
  for (const preset of [PLAIN, ...presets]) {
    const values = preset === PLAIN ? [] : ['-f', path.join(CHART, `presets/${preset}.yaml`)];
    const where = ['--namespace', options.namespace, '--include-crds', '--kube-version', KUBERNETES_VERSION];
    const rendering = await runCommand(helm, ['template', RELEASE, CHART, ...where, ...values, ...options.args]);
    const base = preset === PLAIN ? 'edict' : `edict-${preset}`;
    const objects = loadAll(rendering).filter((one): one is KubeObject => one !== null && one !== undefined);
    const shown = objects.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined).map(plain);
    const isOurs = ({ apiVersion }: KubeObject): boolean => apiVersion.startsWith('edict.dev/');
    const rest = shown.filter((one) => !isOurs(one));
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: options.namespace } };
    manifests.push({ name: `${base}.yaml`, text: yaml(base, [namespace, ...rest]) });
    const fleet = shown.filter(isOurs);
    if (fleet.length > 0) manifests.push({ name: `${base}-fleet.yaml`, text: yaml(`${base}-fleet`, fleet) });
  }
  return manifests;
}

/** Labels and annotations that are about Helm would be untrue, also those of pods. */
function plain(object: KubeObject): KubeObject {
  return withoutHelm(object) as KubeObject;
}

function withoutHelm(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutHelm);
  if (typeof value !== 'object' || value === null) return value;
  const isHelms = ([name, member]: readonly [string, unknown]): boolean =>
    name.startsWith('helm.sh/') || (name === 'app.kubernetes.io/managed-by' && member === 'Helm');
  const kept = Object.entries(value).filter((entry) => !isHelms(entry));
  const members = kept.map(([name, member]) => [name, withoutHelm(member)] as const);
  // Annotations of which nothing is left are none.
  return Object.fromEntries(members.filter(([name, member]) => name !== 'annotations' || !isEmpty(member)));
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function yaml(name: string, objects: readonly object[]): string {
  const head = `# Made from the chart by "npm run manifests". Apply it by: kubectl apply --server-side -f ${name}.yaml\n`;
  return head + objects.map((object) => `---\n${dump(object, { noRefs: true, lineWidth: -1 })}`).join('');
}
