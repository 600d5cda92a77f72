import { constants } from 'node:fs';
import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readScriptConfig } from './config.ts';
import { runCommand } from './run-command.ts';

/** The Kubernetes release that every test runs against. */
export const KUBERNETES_VERSION = '1.34.4';

/** Programs that the tests run but the npm registry does not hold. */
export const ASSET_NAMES = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
  'coredns',
  'helm',
  'metrics-server',
] as const;

/** One of {@link ASSET_NAMES}. */
export type AssetName = (typeof ASSET_NAMES)[number];

/** The absolute path of each program that was asked for. */
export type Assets<Name extends AssetName> = Readonly<Record<Name, string>>;

interface GoModule {
  readonly module: string;
  readonly version: string;
  /** The package with `func main`. */
  readonly main: string;
  /** Variables set at link time, as `package.name=value`. */
  readonly stamps?: readonly string[];
}

const [, MINOR = '', PATCH = ''] = KUBERNETES_VERSION.split('.');

/** Programs that are not part of the Kubernetes release, each from its own module. */
const MODULES: Partial<Record<AssetName, GoModule>> = {
  etcd: { module: 'go.etcd.io/etcd/server/v3', version: 'v3.7.2', main: 'go.etcd.io/etcd/server/v3' },
  coredns: { module: 'github.com/coredns/coredns', version: 'v1.14.7', main: 'github.com/coredns/coredns' },
  'metrics-server': {
    module: 'sigs.k8s.io/metrics-server',
    version: 'v0.9.0',
    main: 'sigs.k8s.io/metrics-server/cmd/metrics-server',
  },
  helm: {
    module: 'helm.sh/helm/v3',
    version: 'v3.22.0',
    main: 'helm.sh/helm/v3/cmd/helm',
    // The Kubernetes version that `helm template` assumes; not set, it is one that charts refuse for its age.
    stamps: [
      'helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1',
      `helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=${MINOR}`,
    ],
  },
};

/**
 * Finds each program in `KUBEBUILDER_ASSETS`, then on PATH, then in the cache (`kube-assets/v<Kubernetes>` below
 * `$XDG_CACHE_HOME` or `~/.cache`); what is nowhere is built from its Go module into the cache, which takes minutes the
 * first time. Rejects with what to do when Go is needed and missing. `report` receives progress lines.
 */
export async function requireAssets<Name extends AssetName>(
  names: readonly Name[],
  report: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Promise<Assets<Name>> {
  const found: Partial<Record<Name, string>> = {};
  for (const name of names) found[name] = (await findAsset(name)) ?? (await buildAsset(name, report));
  return found as Assets<Name>;
}

/** The directory that built programs are kept in. */
export function assetCache(): string {
  return path.join(readScriptConfig().cacheDirectory, 'kube-assets', `v${KUBERNETES_VERSION}`);
}

async function findAsset(name: AssetName): Promise<string | undefined> {
  const { kubebuilderAssets, searchPath } = readScriptConfig();
  const places = [...(kubebuilderAssets === undefined ? [] : [kubebuilderAssets]), ...searchPath, assetCache()];
  for (const place of places) {
    const candidate = path.resolve(place, name);
    const executable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return candidate;
  }
  return undefined;
}

async function buildAsset(name: AssetName, report: (line: string) => void): Promise<string> {
  await requireGo(name);
  const started = process.hrtime.bigint();
  report(`building ${name} from its Go module (once; kept in ${assetCache()})`);
  const workspace = await mkdtemp(path.join(tmpdir(), 'kube-assets-'));
  try {
    const built = path.join(workspace, name);
    const module = MODULES[name];
    if (module === undefined) await buildKubernetes(name, workspace, built);
    else await buildModule(module, workspace, built);
    await mkdir(assetCache(), { recursive: true });
    // Renamed into place, so that a build that is cut short, or two at once, never leave half a program.
    const partial = path.join(assetCache(), `.${name}.${process.pid}`);
    await copyFile(built, partial);
    await rename(partial, path.join(assetCache(), name));
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
  const seconds = Number((process.hrtime.bigint() - started) / 1_000_000_000n);
  report(`built ${name} in ${seconds} s`);
  return path.join(assetCache(), name);
}

async function requireGo(name: AssetName): Promise<void> {
  await runCommand('go', ['version']).catch((cause: unknown) => {
    throw new Error(
      `${name} is neither in KUBEBUILDER_ASSETS, nor on PATH, nor in ${assetCache()}, and Go is not here to build it. ` +
        `Install Go 1.24 or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a directory that holds ${name}.`,
      { cause },
    );
  });
}

/** `-mod=mod` lets Go complete go.sum itself, checked against the checksum database. */
const GO_ENV = { CGO_ENABLED: '0', GOFLAGS: '-mod=mod -buildvcs=false -trimpath', GOWORK: 'off' };

async function buildModule(source: GoModule, workspace: string, output: string): Promise<void> {
  const goMod = `module kube.assets/build\n\ngo 1.24.0\n\nrequire ${source.module} ${source.version}\n`;
  await writeFile(path.join(workspace, 'go.mod'), goMod);
  const ldflags = linkerFlags(source.stamps ?? []);
  await runCommand('go', ['build', ldflags, '-o', output, source.main], { cwd: workspace, env: GO_ENV });
}

/**
 * k8s.io/kubernetes requires its own staging modules at v0.0.0 and replaces them by folders that its published module lacks;
 * each is published separately as v0.<minor>.<patch> of the same release, so that is what they are replaced by here.
 */
async function buildKubernetes(name: AssetName, workspace: string, output: string): Promise<void> {
  const downloaded = await runCommand('go', ['mod', 'download', '-json', `k8s.io/kubernetes@v${KUBERNETES_VERSION}`], {
    cwd: workspace,
    env: GO_ENV,
  });
  const { GoMod: goModPath } = JSON.parse(downloaded) as { readonly GoMod: string };
  const goMod = await readFile(goModPath, 'utf8');
  const staging = [...goMod.matchAll(/^\s*(k8s\.io\/[\w-]+) v0\.0\.0(?=\s|$)/gm)].map((match) => match[1] ?? '');
  const replaces = [...new Set(staging)].map((module) => `replace ${module} => ${module} v0.${MINOR}.${PATCH}`);
  await writeFile(
    path.join(workspace, 'go.mod'),
    `module kube.assets/build\n\ngo 1.24.0\n\nrequire k8s.io/kubernetes v${KUBERNETES_VERSION}\n\n${replaces.join('\n')}\n`,
  );
  const version = [`gitVersion=v${KUBERNETES_VERSION}`, 'gitMajor=1', `gitMinor=${MINOR}`, 'gitTreeState=clean'];
  const ldflags = linkerFlags(version.map((stamp) => `k8s.io/component-base/version.${stamp}`));
  const main = `k8s.io/kubernetes/cmd/${name}`;
  await runCommand('go', ['build', ldflags, '-o', output, main], { cwd: workspace, env: GO_ENV });
}

function linkerFlags(stamps: readonly string[]): string {
  return `-ldflags=${['-s -w', ...stamps.map((stamp) => `-X ${stamp}`)].join(' ')}`;
}

/** `node scripts/kube-assets.ts [NAME...]`: finds or builds the named programs, by default all, and prints where each is. */
async function printAssets(wanted: readonly string[]): Promise<void> {
  const unknown = wanted.filter((name) => !ASSET_NAMES.some((known) => known === name));
  if (unknown.length > 0) throw new Error(`unknown program ${unknown.join(', ')}; known: ${ASSET_NAMES.join(', ')}`);
  const names = wanted.length === 0 ? ASSET_NAMES : ASSET_NAMES.filter((name) => wanted.includes(name));
  for (const [name, file] of Object.entries(await requireAssets(names))) process.stdout.write(`${name} ${file}\n`);
}

if (import.meta.main) {
  // No top-level await: jest loads this module by `require`, which cannot wait.
  printAssets(process.argv.slice(2)).catch((thrown: unknown) => {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    process.exitCode = 1;
  });
}
