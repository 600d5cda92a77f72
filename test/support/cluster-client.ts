import { KubeConfig, KubernetesObjectApi, Watch } from '@kubernetes/client-node';
import { requireAssets } from '../../scripts/kube-assets.ts';
import { runCommand, tryCommand, type CommandResult } from '../../scripts/run-command.ts';

/** Any stored object; a test that knows its kind narrows it. */
export interface AnyObject {
  readonly metadata?: { readonly name?: string };
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** Names one object; `namespace` is absent for kinds that have none. */
export interface ObjectName {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** A change that a watch saw. */
export interface ObjectChange<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
  /** When it arrived: milliseconds since the epoch, with fractions. */
  readonly seenAt: number;
}

/** A cluster as a user has it: kubectl for what users type, the API for what a test reads often. */
export interface ClusterClient {
  readonly kubeconfig: string;
  /** Runs kubectl and resolves with its output; rejects with what it said when it fails. */
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  /** The same with `input` on its standard input, for `-f -`. */
  readonly kubectlWithInput: (input: string, ...args: readonly string[]) => Promise<string>;
  /** Runs kubectl and resolves whatever its exit code: for what may fail or is to fail. */
  readonly tryKubectl: (args: readonly string[], input?: string) => Promise<CommandResult>;
  /** `kubectl apply -f -` of the given objects. */
  readonly apply: (...objects: readonly object[]) => Promise<void>;
  /** The object as stored now; undefined when there is none. */
  readonly get: <T extends AnyObject>(name: ObjectName) => Promise<T | undefined>;
  readonly list: <T extends AnyObject>(
    apiVersion: string,
    kind: string,
    namespace?: string,
    labelSelector?: string,
  ) => Promise<readonly T[]>;
  /** Calls back for every change from now on, until the returned function is called. `path` is an API path. */
  readonly watch: <T>(path: string, onChange: (change: ObjectChange<T>) => void) => Promise<() => void>;
}

/** Milliseconds since the epoch with fractions, from the clock that every process of this machine shares. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Connects to the cluster of a kubeconfig. */
export async function createClusterClient(kubeconfig: string): Promise<ClusterClient> {
  const { kubectl } = await requireAssets(['kubectl']);
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const api = KubernetesObjectApi.makeApiClient(config);
  const withConfig = (args: readonly string[]): readonly string[] => ['--kubeconfig', kubeconfig, ...args];
  return {
    kubeconfig,
    kubectl: (...args) => runCommand(kubectl, withConfig(args)),
    kubectlWithInput: (input, ...args) => runCommand(kubectl, withConfig(args), { input }),
    tryKubectl: (args, input) => tryCommand(kubectl, withConfig(args), input === undefined ? {} : { input }),
    apply: async (...objects) => {
      const list = { apiVersion: 'v1', kind: 'List', items: objects };
      await runCommand(kubectl, withConfig(['apply', '-f', '-']), { input: JSON.stringify(list) });
    },
    get: async <T extends AnyObject>(named: ObjectName) => {
      const { apiVersion, kind, name, namespace } = named;
      const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
      try {
        return (await api.read({ apiVersion, kind, metadata })) as unknown as T;
      } catch (thrown) {
        if ((thrown as { readonly code?: unknown }).code === 404) return undefined;
        throw thrown;
      }
    },
    list: async <T extends AnyObject>(apiVersion: string, kind: string, namespace?: string, labelSelector?: string) => {
      const found = await api.list(
        apiVersion,
        kind,
        namespace,
        undefined,
        undefined,
        undefined,
        undefined,
        labelSelector,
      );
      return found.items as unknown as readonly T[];
    },
    watch: (path, onChange) => watchPath(config, path, onChange),
  };
}

async function watchPath<T>(
  config: KubeConfig,
  path: string,
  onChange: (change: ObjectChange<T>) => void,
): Promise<() => void> {
  let stopped = false;
  let abort: AbortController | undefined;
  // The server ends every watch after some minutes; a new one starts with what there is, so that nothing is missed.
  const open = async (): Promise<void> => {
    abort = await new Watch(config).watch(
      path,
      {},
      (type: string, object: T) => {
        if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED')
          onChange({ type, object, seenAt: epochMs() });
      },
      () => {
        if (!stopped) void open();
      },
    );
  };
  await open();
  return () => {
    stopped = true;
    abort?.abort();
  };
}
