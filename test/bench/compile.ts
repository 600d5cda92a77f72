/**
 * Measures how long compiling takes and how much memory, how soon a compiled program decides, and how soon data is ready:
 * `node test/bench/compile.ts`. Each figure is that of a cold start, taken in a process of its own. Policies are compiled
 * in a worker thread, as a PDP and the operator do; in the main thread as `edict` does; and as Node is by default, to compare.
 * Exits with 1 if a figure is above its limit.
 *
 * "over base" is the most memory (RSS) that the process had, less what it had when the work began: modules loaded, nothing
 * compiled. "in all" is the whole process.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { compile, instantiate, type Program } from '@edict/rego';

interface Figure {
  readonly ms: number;
  readonly overBaseMb: number;
  readonly totalMb: number;
}

interface Task {
  readonly title: string;
  /** Without limits the figure is only shown. */
  readonly limits?: { readonly ms: number; readonly overBaseMb: number };
  readonly run: (folder: string) => Figure | Promise<Figure>;
}

/** A young generation of the usual size would by itself take up to 100 MB. */
const WORKER_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 16 };

const tasks: Readonly<Record<string, Task>> = {
  'compile-1000': {
    title: '1,000 rules, compiled in a worker',
    limits: { ms: 500, overBaseMb: 150 },
    run: () => compileInWorker(1_000),
  },
  'compile-10000': {
    title: '10,000 rules, compiled in a worker',
    limits: { ms: 6_000, overBaseMb: 150 },
    run: () => compileInWorker(10_000),
  },
  'small-1000': {
    title: '1,000 rules, compiled as `edict` does',
    limits: { ms: 500, overBaseMb: 150 },
    run: () => compileAsEdict(1_000),
  },
  'small-10000': {
    title: '10,000 rules, compiled as `edict` does',
    limits: { ms: 6_000, overBaseMb: 150 },
    run: () => compileAsEdict(10_000),
  },
  'main-1000': { title: '1,000 rules, compiled in the main thread', run: () => compileHere(1_000) },
  'main-10000': { title: '10,000 rules, compiled in the main thread', run: (folder) => compileHere(10_000, folder) },
  'load-10000': { title: '10,000 rules, loaded and asked once', run: loadProgram },
  objects: {
    title: '100,000 objects, loaded and asked once',
    limits: { ms: 1_000, overBaseMb: 150 },
    run: () => loadObjects(100_000),
  },
};

if (!isMainThread) await serveCompile(workerData as number);
else {
  const { values } = parseArgs({ options: { task: { type: 'string' }, folder: { type: 'string', default: '' } } });
  if (values.task === undefined) measureAll();
  else console.log(JSON.stringify(await tasks[values.task]?.run(values.folder)));
}

function measureAll(): void {
  const folder = mkdtempSync(join(tmpdir(), 'edict-bench-'));
  const row = (title: string, ...cells: readonly string[]): void => {
    console.log(`| ${title.padEnd(42)} | ${cells.map((cell) => cell.padStart(13)).join(' | ')} |`);
  };
  const of = (value: number, most: number | undefined): string =>
    `${value.toFixed(0)}${most === undefined ? '' : ` of ${String(most)}`}${most !== undefined && value > most ? ' !' : ''}`;
  try {
    row('', 'ms', 'MB over base', 'MB in all');
    row('-'.repeat(42), ...Array.from({ length: 3 }, () => `${'-'.repeat(12)}:`));
    for (const [name, { title, limits }] of Object.entries(tasks)) {
      const args = ['--expose-gc', import.meta.filename, '--task', name, '--folder', folder];
      const child = spawnSync(process.execPath, args, { encoding: 'utf8' });
      if (child.status !== 0) throw new Error(child.stderr);
      const { ms, overBaseMb, totalMb } = JSON.parse(child.stdout) as Figure;
      if (limits !== undefined && (ms > limits.ms || overBaseMb > limits.overBaseMb)) process.exitCode = 1;
      row(title, of(ms, limits?.ms), of(overBaseMb, limits?.overBaseMb), totalMb.toFixed(0));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function megabytes(bytes: number): number {
  return bytes / 2 ** 20;
}

/** The figures of work that has taken `ms`, in a process that had `baseBytes` in front of it. */
function figureOf(ms: number, baseBytes: number): Figure {
  const most = process.resourceUsage().maxRSS * 1024;
  return { ms, overBaseMb: megabytes(most - baseBytes), totalMb: megabytes(most) };
}

function measure(work: () => void): Figure {
  globalThis.gc?.();
  const base = process.memoryUsage.rss();
  const start = performance.now();
  work();
  return figureOf(performance.now() - start, base);
}

function rulesOf(count: number): string {
  const rules = Array.from({ length: count }, (_, index) => {
    const n = String(index);
    return index % 4 === 0
      ? `is_${n} if {\n\tinput.user.team == "team-${n}"\n\tsome role in input.user.roles\n\trole in {"r${n}", "admin"}\n}`
      : `allow if {\n\tinput.action == "act-${n}"\n\tstartswith(input.path, "/p/${n}/")\n\tis_${String(index - (index % 4))}\n}`;
  });
  return `package app\n\ndefault allow := false\n\n${rules.join('\n\n')}\n`;
}

function compileRules(source: string): Program {
  const result = compile([{ name: 'app.rego', source }], { entrypoints: ['app/allow'] });
  if (!result.ok) throw new Error(result.diagnostics[0]?.message);
  return result.program;
}

function compileHere(count: number, folder?: string): Figure {
  const source = rulesOf(count);
  let program: Program | undefined;
  const figure = measure(() => {
    program = compileRules(source);
  });
  if (folder !== undefined) writeFileSync(join(folder, 'program.json'), JSON.stringify(program));
  return figure;
}

/** In the main thread, with a young generation that does not grow: by itself it takes up to 90 MB otherwise. */
function compileAsEdict(count: number): Figure {
  setFlagsFromString('--semi-space-growth-factor=1');
  return compileHere(count);
}

async function compileInWorker(count: number): Promise<Figure> {
  const worker = new Worker(import.meta.filename, { workerData: count, resourceLimits: WORKER_LIMITS });
  const failed = once(worker, 'error').then(([error]) => {
    throw error as Error;
  });
  await Promise.race([once(worker, 'message'), failed]);
  globalThis.gc?.();
  const base = process.memoryUsage.rss();
  worker.postMessage('compile');
  const [ms] = (await Promise.race([once(worker, 'message'), failed])) as [number];
  return figureOf(ms, base);
}

/** In the worker: says that it is ready, compiles when it is told to, and says how long that took. */
async function serveCompile(count: number): Promise<void> {
  if (parentPort === null) throw new Error('this runs in a worker');
  const source = rulesOf(count);
  parentPort.postMessage('ready');
  await once(parentPort, 'message');
  const start = performance.now();
  compileRules(source);
  parentPort.postMessage(performance.now() - start);
  parentPort.close();
}

function loadProgram(folder: string): Figure {
  const program = JSON.parse(readFileSync(join(folder, 'program.json'), 'utf8')) as Program;
  return measure(() => {
    const outcome = instantiate(program).evaluate('app/allow', { action: 'act-1', path: '/p/1/x', user: {} });
    if (outcome.kind !== 'value' || outcome.value !== false) throw new Error('a wrong answer');
  });
}

function loadObjects(count: number): Figure {
  const source = `package app
owned contains id if { some id, o in data.objects; o.owner == input.user }
one := data.objects[input.id].owner`;
  const result = compile([{ name: 'app.rego', source }], { entrypoints: ['app/owned', 'app/one'] });
  if (!result.ok) throw new Error(result.diagnostics[0]?.message);
  const objects = Object.fromEntries(
    Array.from({ length: count }, (_, n) => [
      `object-${String((n * 7919) % count)}`,
      { owner: `user-${String(n % 5_000)}`, level: n % 5, tags: ['a', `t${String(n % 30)}`] },
    ]),
  );
  return measure(() => {
    const outcome = instantiate(result.program, { data: { objects } }).evaluate('app/owned', { user: 'user-7' });
    if (outcome.kind !== 'value') throw new Error('a wrong answer');
  });
}
