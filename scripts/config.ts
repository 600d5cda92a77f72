import { homedir } from 'node:os';
import path from 'node:path';

/** What the scripts and the test harness read from the environment; nothing else of theirs looks at `process.env`. */
export interface ScriptConfig {
  /** Directory that holds kube-apiserver, etcd and kubectl, as controller-runtime's envtest names it. */
  readonly kubebuilderAssets: string | undefined;
  /** Directories of PATH, in order. */
  readonly searchPath: readonly string[];
  /** Where built binaries are kept between runs: `$XDG_CACHE_HOME`, else `~/.cache`. */
  readonly cacheDirectory: string;
  /** A Docker engine that the caller runs already, for example `unix:///var/run/docker.sock`. */
  readonly dockerHost: string | undefined;
  /** Kept after a test run when set, so that logs can be read: the state of the clusters that the harness starts. */
  readonly keepClusters: boolean;
  /** True when the process may change the network and mounts of this machine. */
  readonly isRoot: boolean;
}

/** Reads the environment afresh on every call; unset and empty variables are the same. */
export function readScriptConfig(env: NodeJS.ProcessEnv = process.env): ScriptConfig {
  const value = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  return {
    kubebuilderAssets: value('KUBEBUILDER_ASSETS'),
    searchPath: (value('PATH') ?? '').split(path.delimiter).filter((entry) => entry !== ''),
    cacheDirectory: value('XDG_CACHE_HOME') ?? path.join(homedir(), '.cache'),
    dockerHost: value('DOCKER_HOST'),
    keepClusters: value('EDICT_KEEP_CLUSTERS') !== undefined,
    isRoot: process.getuid?.() === 0,
  };
}
