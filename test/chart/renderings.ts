import path from 'node:path';
import { load, loadAll } from 'js-yaml';
import { KUBERNETES_VERSION, requireAssets } from '../../scripts/kube-assets.ts';
import { runCommand } from '../../scripts/run-command.ts';

/** The chart, as committed. */
export const CHART = path.resolve(import.meta.dirname, '../../helm');
/** Where the renderings below are kept, one file each. */
export const GOLDEN = path.join(import.meta.dirname, 'golden');
/** Values files of the chart, by name. */
export const PRESETS = ['all-in-one', 'ha', 'sidecars', 'standalone'] as const;

const preset = (name: (typeof PRESETS)[number]): readonly string[] => ['-f', path.join(CHART, `presets/${name}.yaml`)];
/** What a relay has to be told. */
export const RELAY = [
  'relay.enabled=true,relay.site=branch,relay.sets[0]=shop/main,relay.upstream.address=hub.example.com:9444',
  'relay.upstream.bundlesUrl=https://hub.example.com:9445,relay.upstream.secretName=hub,relay.tls.secretName=relay-tls',
].join(',');

/** Arguments of `helm template` for what is kept, by the name of its file. */
export const RENDERINGS: Readonly<Record<string, readonly string[]>> = {
  default: [],
  ...Object.fromEntries(PRESETS.map((name) => [name, preset(name)])),
  'ha-and-standalone': [...preset('ha'), ...preset('standalone')],
  'first-sidecars': [
    ...preset('sidecars'),
    '--set',
    'firstPolicyDecisionPoint.create=true,firstPolicyDecisionPoint.form=Sidecar,firstPolicyDecisionPoint.namespace=shop',
  ],
  relay: ['--set', `${RELAY},metrics.serviceMonitor.enabled=true`],
  'relay-on-openshift': ['--set', RELAY, '--api-versions', 'security.openshift.io/v1'],
  'everything-on': ['-f', path.join(import.meta.dirname, 'everything-on.yaml')],
  'as-little-as-possible': ['-f', path.join(import.meta.dirname, 'as-little-as-possible.yaml')],
};

/** Runs `helm` and resolves with its output; rejects with what it said. */
export async function helm(...args: readonly string[]): Promise<string> {
  const { helm: program } = await requireAssets(['helm']);
  return runCommand(program, args);
}

/** `helm template` of the chart as release `edict` in namespace `edict-system`. */
export async function render(...args: readonly string[]): Promise<string> {
  const where = ['--namespace', 'edict-system', '--kube-version', KUBERNETES_VERSION];
  return helm('template', 'edict', CHART, ...where, ...args);
}

/** An object that the chart renders. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [member: string]: unknown;
}

/** The objects of a rendering, in its order. */
export function objectsOf(text: string): readonly Rendered[] {
  return loadAll(text).filter((one): one is Rendered => one !== null && one !== undefined);
}

/** A file of YAML with one document. */
export function readYaml(text: string): unknown {
  return load(text);
}
