import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DIST } from '../../scripts/images/bundle.ts';
import { runCommand, tryCommand } from '../../scripts/run-command.ts';

/**
 * What is upgraded from while the repository has no tag: the last commit before relays, the console, the bundle endpoint and static
 * policy began to come in, when every suite and the end-to-end tests passed. Between it and now lie new members of three kinds, of
 * the chart and of the protocol: a boundary as a release would be one. Once there is a tag, the last one is taken.
 */
export const FIRST_BOUNDARY = 'f988607';

/** A version of before, built. */
export interface OldVersion {
  /** The commit, shortened; also the tag of its images. */
  readonly tag: string;
  /** Its chart, with its CRDs below `crds`. */
  readonly chart: string;
  /** Its image archives. */
  readonly archives: readonly string[];
}

const ROOT = path.resolve(import.meta.dirname, '../..');

/**
 * The version that `ref` names, or the last tag before this tree, or {@link FIRST_BOUNDARY}. It is built once, from its own sources
 * with its own dependencies in a folder of its own, and kept in `dist/upgrade`.
 * @throws Error that says how to name a version, where this clone has none
 */
export async function oldVersion(ref: string | undefined, report: (line: string) => void): Promise<OldVersion> {
  const commit = await commitOf(ref ?? (await lastTag()) ?? FIRST_BOUNDARY);
  const tag = `from-${commit.slice(0, 12)}`;
  const place = path.join(DIST, 'upgrade', tag);
  const built: OldVersion = {
    tag,
    chart: path.join(place, 'helm'),
    archives: ['operator', 'pdp'].map((name) => path.join(place, `edict-${name}.tar`)),
  };
  if (existsSync(place)) return built;
  const scratch = await mkdtemp(path.join(tmpdir(), 'edict-upgrade-'));
  try {
    report(`building ${commit} (once; kept in ${place})`);
    await build(commit, tag, scratch, report);
    const made = path.join(scratch, 'made');
    await mkdir(made);
    await cp(path.join(scratch, 'tree/helm'), path.join(made, 'helm'), { recursive: true });
    for (const archive of built.archives) {
      const name = path.basename(archive);
      await cp(path.join(scratch, 'tree/dist/images', name), path.join(made, name));
    }
    await mkdir(path.dirname(place), { recursive: true });
    // As a whole or not at all: an interrupted build is none. Not by renaming across file systems.
    await cp(made, `${place}.part`, { recursive: true });
    await rename(`${place}.part`, place);
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await rm(`${place}.part`, { recursive: true, force: true });
  }
  return built;
}

async function build(commit: string, tag: string, scratch: string, report: (line: string) => void): Promise<void> {
  const tree = path.join(scratch, 'tree');
  const archive = path.join(scratch, 'tree.tar');
  await mkdir(tree);
  await runCommand('git', ['-C', ROOT, 'archive', '--format=tar', '-o', archive, commit]);
  await runCommand('tar', ['-xf', archive, '-C', tree]);
  if (await hasSameDependencies(tree)) {
    // Hard links: what is installed here is what its lockfile names, and nobody writes to it.
    await runCommand('cp', ['-al', path.join(ROOT, 'node_modules'), path.join(tree, 'node_modules')]);
  } else {
    report('installing its dependencies (npm ci)');
    await runCommand('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], { cwd: tree });
  }
  const search = `${path.join(tree, 'node_modules/.bin')}${path.delimiter}${process.env['PATH'] ?? ''}`;
  const node = path.join(tree, 'node_modules/.bin/node');
  await runCommand(node, ['scripts/images.ts', '--tag', tag], { cwd: tree, env: { PATH: search } });
}

async function hasSameDependencies(tree: string): Promise<boolean> {
  const digestOf = async (root: string): Promise<string> =>
    createHash('sha256')
      .update(await readFile(path.join(root, 'package-lock.json')))
      .digest('hex');
  return (await digestOf(tree)) === (await digestOf(ROOT));
}

async function commitOf(ref: string): Promise<string> {
  const found = await tryCommand('git', ['-C', ROOT, 'rev-parse', '--verify', '--quiet', `${ref}^{commit}`]);
  if (found.code === 0) return found.stdout.trim();
  const shallow = await tryCommand('git', ['-C', ROOT, 'rev-parse', '--is-shallow-repository']);
  const why =
    shallow.code !== 0
      ? 'this is no git clone'
      : shallow.stdout.trim() === 'true'
        ? 'this clone is shallow: get its history with "git fetch --unshallow --tags"'
        : 'this clone has no such commit or tag';
  throw new Error(
    `there is no version ${ref} to upgrade from: ${why}; or name one that is here: npm run test:upgrade -- --from <tag or commit>`,
  );
}

/** The last tag of a version before this tree; a tag on this very commit is this version, and no older one. */
async function lastTag(): Promise<string | undefined> {
  const found = await tryCommand('git', ['-C', ROOT, 'describe', '--tags', '--abbrev=0', '--match', 'v*', 'HEAD^']);
  return found.code === 0 ? found.stdout.trim() : undefined;
}
