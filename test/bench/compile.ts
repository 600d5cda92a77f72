/**
 * Measures how long compiling takes, and how much memory; and how soon data is ready: `node test/bench/compile.ts`. Each figure is
 * taken in a process of its own, so that it is that of a cold start. Exits with 1 if one is above its limit.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { compile, instantiate } from '@edict/rego';

interface Figure {
  readonly ms: number;
  readonly megabytes: number;
}

interface Task {
  readonly title: string;
  readonly maxMs: number;
  readonly maxMegabytes: number;
  readonly run: () => Figure;
}

const tasks: Readonly<Record<string, Task>> = {
  'rules-1000': { title: '1,000 rules', maxMs: 500, maxMegabytes: 150, run: () => compileRules(1_000) },
  'rules-10000': { title: '10,000 rules', maxMs: 6_000, maxMegabytes: 150, run: () => compileRules(10_000) },
  'objects-100000': { title: '100,000 objects', maxMs: 1_000, maxMegabytes: 150, run: () => loadObjects(100_000) },
};

const { values } = parseArgs({ options: { task: { type: 'string' } } });
if (values.task === undefined) measureAll();
else console.log(JSON.stringify(tasks[values.task]?.run()));

function measureAll(): void {
  for (const [name, { title, maxMs, maxMegabytes }] of Object.entries(tasks)) {
    const child = spawnSync(process.execPath, ['--expose-gc', import.meta.filename, '--task', name], {
      encoding: 'utf8',
    });
    if (child.status !== 0) throw new Error(child.stderr);
    const { ms, megabytes } = JSON.parse(child.stdout) as Figure;
    const isWithin = ms <= maxMs && megabytes <= maxMegabytes;
    if (!isWithin) process.exitCode = 1;
    console.log(
      `${title.padEnd(16)} ${ms.toFixed(0).padStart(6)} ms of ${String(maxMs)}, ${megabytes.toFixed(0).padStart(4)} MB of ` +
        `${String(maxMegabytes)}${isWithin ? '' : '  TOO MUCH'}`,
    );
  }
}

/** The time of `work`, and the memory that the process has needed beyond what it had in front of it. */
function measure(work: () => void): Figure {
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  const start = performance.now();
  work();
  const ms = performance.now() - start;
  return { ms, megabytes: (process.resourceUsage().maxRSS * 1024 - before) / 2 ** 20 };
}

function compileRules(count: number): Figure {
  const rules = Array.from({ length: count }, (_, index) => {
    const n = String(index);
    return index % 4 === 0
      ? `is_${n} if {\n\tinput.user.team == "team-${n}"\n\tsome role in input.user.roles\n\trole in {"r${n}", "admin"}\n}`
      : `allow if {\n\tinput.action == "act-${n}"\n\tstartswith(input.path, "/p/${n}/")\n\tis_${String(index - (index % 4))}\n}`;
  });
  const source = `package app\n\ndefault allow := false\n\n${rules.join('\n\n')}\n`;
  return measure(() => {
    const result = compile([{ name: 'app.rego', source }], { entrypoints: ['app/allow'] });
    if (!result.ok) throw new Error(result.diagnostics[0]?.message);
    const outcome = instantiate(result.program).evaluate('app/allow', { action: 'act-1', path: '/p/1/x', user: {} });
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
