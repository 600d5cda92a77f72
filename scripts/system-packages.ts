import { readScriptConfig } from './config.ts';
import { runCommand, tryCommand } from './run-command.ts';

/** Debian packages that a whole node needs beside the Kubernetes binaries. */
export const NODE_PACKAGES: readonly string[] = [
  'containerd',
  'runc',
  'containernetworking-plugins',
  'iptables',
  'iproute2',
  'conntrack',
  'openssl',
];

/** Debian packages that the container tests need to start a Docker engine of their own. */
export const DOCKER_PACKAGES: readonly string[] = ['docker.io', 'iptables'];

/** Debian packages that the browser tests need: the browser, and letters to measure by. */
export const BROWSER_PACKAGES: readonly string[] = ['chromium', 'fonts-dejavu-core'];

/**
 * Installs the packages that are missing. As root on a Debian machine this runs apt-get; anywhere else it rejects with the
 * command that the user has to run. Installing nothing takes a few milliseconds.
 */
export async function ensureSystemPackages(names: readonly string[], report: (line: string) => void): Promise<void> {
  const missing = await missingPackages(names);
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!readScriptConfig().isRoot) {
    throw new Error(`missing Debian packages: ${missing.join(', ')}. Install them as root: ${command}`);
  }
  report(`installing ${missing.join(' ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await runCommand('apt-get', ['update', '-q'], { env });
  // --no-start would not stop a package's service; policy-rc.d is what Debian asks for, and containers have no init anyway
  await runCommand('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], { env });
}

async function missingPackages(names: readonly string[]): Promise<readonly string[]> {
  const found = await tryCommand('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...names]).catch(
    (cause: unknown) => {
      throw new Error(`this needs a Debian machine with the packages ${names.join(', ')}`, { cause });
    },
  );
  const installed = new Set(
    found.stdout
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return names.filter((name) => !installed.has(name));
}
