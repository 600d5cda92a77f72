// Runs on Node 18 or newer: installs what the lockfile names, then hands over to the Node that it brought.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const marker = join(root, 'node_modules', '.edict-installed');

/** Installs the dependencies if the lockfile changed since the last time; exits with npm's code if that fails. */
export function install() {
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === digest) return;
  process.stderr.write('installing dependencies (npm ci) …\n');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (npm.status !== 0) {
    process.stderr.write(
      'npm ci failed: see its output above. A network that reaches the npm registry is needed once.\n',
    );
    process.exit(npm.status ?? 1);
  }
  if (!existsSync(join(root, 'node_modules', '.bin', 'node'))) {
    process.stderr.write(
      `no Node 26 for ${process.platform}-${process.arch} among the platform packages: linux-x64, linux-arm64, darwin-arm64\n`,
    );
    process.exit(1);
  }
  writeFileSync(marker, digest);
}

/** The environment in which `node` is the pinned one. */
export function pinnedEnvironment() {
  return { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH ?? ''}` };
}
