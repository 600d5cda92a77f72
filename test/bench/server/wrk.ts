import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadOptions, Question } from './http-load.ts';

/** What wrk measured. */
export interface WrkFigures {
  readonly perSecond: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers other than 200, and broken connections. */
  readonly wrongAnswers: number;
}

/** Whether wrk is installed. */
export function hasWrk(): boolean {
  return spawnSync('wrk', ['-v']).error === undefined;
}

/** A script of wrk and how long, over how many connections, and at what it is to run. */
export interface WrkRun extends Pick<LoadOptions, 'url' | 'connections' | 'seconds'> {
  /** Lua that says what is sent; it must not define `done`, which tells the figures. */
  readonly script: string;
  /** Cores that wrk keeps to, as `taskset` takes them; those of this process by default. */
  readonly cores?: string | undefined;
}

/** Runs wrk with one thread. It counts answers that are no 200; their bodies are to be checked apart. @throws Error if wrk fails */
export async function runWrk({ script, url, connections, seconds, cores }: WrkRun): Promise<WrkFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'edict-wrk-'));
  const file = join(folder, 'requests.lua');
  await writeFile(file, script + TELL_FIGURES);
  try {
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout=10s', '-s', file, url];
    const [program = '', ...rest] = cores === undefined ? ['wrk'] : ['taskset', '--cpu-list', cores, 'wrk'];
    const child = spawn(program, [...rest, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    const line = /^figures (.*)$/m.exec(text)?.[1];
    if (code !== 0 || line === undefined) throw new Error(`wrk failed: ${text}`);
    const [requests = 0, micros = 1, p50 = 0, p99 = 0, wrongAnswers = 0] = line.split(' ').map(Number);
    return { requests, perSecond: requests / (micros / 1e6), p50Ms: p50 / 1000, p99Ms: p99 / 1000, wrongAnswers };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const TELL_FIGURES = `
function done(summary, latency)
  local e = summary.errors
  print(string.format("figures %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
`;

/** Asks questions in turn with wrk, as {@link runWrk} does. */
export async function loadWithWrk(
  questions: readonly Question[],
  options: Omit<WrkRun, 'script'>,
): Promise<WrkFigures> {
  return await runWrk({ ...options, script: scriptOf(questions) });
}

function scriptOf(questions: readonly Question[]): string {
  const requests = questions.map(
    ({ path, body }) => `  wrk.format("POST", ${quoted(path)}, headers, ${quoted(body)}),`,
  );
  return `
local headers = { ["Content-Type"] = "application/json" }
local requests
local next = 0
function init()
  requests = {
${requests.join('\n')}
  }
end
function request()
  next = next % #requests + 1
  return requests[next]
end
`;
}

/** A Lua string in long brackets; their level is one that the text does not have. */
function quoted(text: string): string {
  let level = '';
  while (text.includes(`]${level}]`)) level += '=';
  return `[${level}[${text}]${level}]`;
}
