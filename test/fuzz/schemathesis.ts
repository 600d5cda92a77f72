import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readScriptConfig } from '../../scripts/config.ts';
import { runCommand, tryCommand } from '../../scripts/run-command.ts';
import { ensureSystemPackages } from '../../scripts/system-packages.ts';

const VERSION = '4.32.5';

/**
 * The program of that version: from the cache, or installed into it from PyPI, which takes half a minute once. Rejects where
 * neither Python nor the package can be had.
 */
export async function ensureSchemathesis(report: (line: string) => void): Promise<string> {
  const folder = join(readScriptConfig().cacheDirectory, 'schemathesis', VERSION);
  const program = join(folder, 'bin', 'schemathesis');
  if (await answers(program)) return program;
  if (!(await answers('python3', ['-c', 'import ensurepip, venv']))) {
    await ensureSystemPackages(['python3', 'python3-venv'], report);
  }
  report(`installing schemathesis ${VERSION}`);
  // What an interrupted installation left does not answer, and is made anew.
  await rm(folder, { recursive: true, force: true });
  await runCommand('python3', ['-m', 'venv', folder]);
  await runCommand(join(folder, 'bin', 'pip'), ['install', '--quiet', `schemathesis==${VERSION}`]);
  return program;
}

async function answers(program: string, args: readonly string[] = ['--version']): Promise<boolean> {
  return await tryCommand(program, args).then(
    ({ code }) => code === 0,
    () => false,
  );
}

/** Answers that are by design no decision: no such set (503), what OPA has and we have not (501). */
const EXPECTED = ['2xx', '3xx', '4xx', 501, 503];

/** OPA's custom health checks say 500 where a rule does not hold or is not there. */
const CONFIG = `[checks]
not_a_server_error.expected-statuses = ${JSON.stringify(EXPECTED)}

[[operations]]
include-path-regex = "^/health/"
checks.not_a_server_error.expected-statuses = ${JSON.stringify([...EXPECTED, 500])}
`;

export interface SchemaRun {
  readonly program: string;
  readonly url: string;
  readonly seed: string;
  /** Requests of each kind for each operation. */
  readonly examples: string;
}

/** Sends what is derived from the OpenAPI document; resolves with the summary, and whether any answer was a server error. */
export async function runSchemathesis({ program, url, seed, examples }: SchemaRun) {
  const folder = await mkdtemp(join(tmpdir(), 'edict-fuzz-'));
  const config = join(folder, 'schemathesis.toml');
  await writeFile(config, CONFIG);
  const wanted = ['--checks', 'not_a_server_error', '--phases', 'examples,coverage,fuzzing'];
  const bounds = ['--seed', seed, '--max-examples', examples, '--no-color'];
  const args = ['--config-file', config, 'run', `${url}/openapi.yaml`, ...wanted, ...bounds];
  // It leaves what it remembers where it is run.
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  await rm(folder, { recursive: true });
  return { ok: code === 0, text, summary: /^=+ SUMMARY.*$/ms.exec(text)?.[0] ?? text };
}
