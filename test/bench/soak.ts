/**
 * Keeps a PDP at full load and watches its memory: `node test/bench/soak.ts [--minutes N] [--connections N] [--every SECONDS]`.
 * The PDP serves from its disk and answers PORCs and documents in turns; records go nowhere. Prints how long the start took,
 * memory idle and under load, and the slope of memory over the second half of the run, in which all caches are full; exits with
 * 1 on a wrong answer. The start is that of a PDP that ran before, with what it compiled on its disk; with `--first` it has the
 * bundles only. `--starts N` measures N starts, `--idle` stops after the idle figures, and `--source` runs the PDP from source
 * and not bundled as in its image.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { quantile } from '../support/figures.ts';
import { domainOf, startPdpFromDisk, type DiskPdp } from '../support/pdp-from-disk.ts';
import { loadWith, type Question } from './server/http-load.ts';
import { pdpProgram } from './server/pdp-program.ts';
import { cpuSecondsOf, residentMbOf } from './server/process-figures.ts';
import { printTable } from './server/table.ts';
import { readArguments } from '../support/read-arguments.ts';

const options = readArguments(import.meta.filename, {
  minutes: { type: 'string', default: '10' },
  connections: { type: 'string', default: '16' },
  every: { type: 'string', default: '10' },
  starts: { type: 'string', default: '1' },
  first: { type: 'boolean', default: false },
  idle: { type: 'boolean', default: false },
  source: { type: 'boolean', default: false },
});

const DOMAIN = `
apiVersion: edict.dev/v1beta1
kind: PolicyDomain
metadata: {name: library}
spec:
  policy-libraries:
    - mrn: shelves
      rego: |
        package shelves
        import rego.v1
        default open := false
        open if input.shelf in data.readers[input.reader]
  policies:
    - {mrn: door, rego: "package authz\\ndefault allow = 0\\nallow = -1 { not input.principal.sub }"}
    - mrn: reader
      rego: |
        package authz
        default allow = false
        allow { input.principal.mannotations.shelves[_] == input.resource.annotations.shelf }
    - {mrn: anyone, rego: "package authz\\ndefault allow = true"}
  roles:
    - {mrn: member, policy: reader, annotations: [{name: shelves, value: [history, maps]}]}
  resource-groups:
    - {mrn: books, default: true, policy: anyone, annotations: [{name: shelf, value: maps}]}
  operations:
    - {name: all, selector: ['book:.*'], policy: door}
  data:
    readers: {ada: [maps], bob: [history]}
`;

/** Readers and books are many, so that caches by what is asked fill up and are renewed. */
const QUESTIONS: readonly Question[] = Array.from({ length: 20_000 }, (_, index) => {
  if (index % 2 === 0) {
    const known = index % 4 === 0;
    const principal = { sub: `reader-${index}`, mroles: [known ? 'member' : 'guest'] };
    return question('/decision', { principal, operation: 'book:open', resource: `mrn:book:${index}` }, 'allow', known);
  }
  const reader = ['ada', 'bob', 'eve'][index % 3] ?? '';
  const open = reader === 'ada';
  return question('/v1/data/shelves/open', { input: { reader, shelf: 'maps', at: index } }, 'result', open);
});

function question(path: string, body: object, member: string, expected: boolean): Question {
  return {
    path,
    body: JSON.stringify(body),
    check: (answer) => {
      const given = (JSON.parse(answer) as Readonly<Record<string, unknown>>)[member];
      if (given !== expected) throw new Error(`${path} ${JSON.stringify(body)}: ${answer}`);
    },
  };
}

/** When the process rests: it collects its garbage a second after the start, or after the end of the compiling thread. */
const IDLE_AFTER_MS = 3_500;
const FIRST_IDLE_AFTER_MS = 15_000;

const program = await pdpProgram(options.source);
const start = (): Promise<DiskPdp> =>
  startPdpFromDisk([{ set: 'bench/library', domains: [domainOf(DOMAIN)], serving: { documents: {}, opa: {} } }], {
    outputFile: '/dev/null',
    isSecondStart: !options.first,
    ...program,
  });
const starts: number[] = [];
for (let left = Number(options.starts); left > 1; left--) {
  const started = await start();
  starts.push(started.readyMs);
  await started.stop();
}
const pdp = await start();
starts.push(pdp.readyMs);
const pid = pdp.process.pid ?? 0;
try {
  // What compiled ends by itself when it has had nothing to do, and what it left is given back after that.
  await delay(options.first ? FIRST_IDLE_AFTER_MS : IDLE_AFTER_MS);
  const how = options.first ? 'its first start' : 'a start with compiled policies';
  const readyMs = `${quantile(starts, 0.5).toFixed(0)} ms`;
  console.log(
    `ready ${readyMs} after ${how} (median of ${starts.length}), idle ${residentMbOf(pid).toFixed(1)} MB after ` +
      `${cpuSecondsOf(pid).toFixed(2)} s of CPU`,
  );
  if (!options.idle) await soak();
} finally {
  await pdp.stop();
}

async function soak(): Promise<void> {
  const everySeconds = Number(options.every);
  const samples: { readonly minutes: number; readonly mb: number; readonly requests: number }[] = [];
  const rows: Readonly<Record<string, string>>[] = [];
  const began = performance.now();
  let requests = 0;
  let wrongAnswers = 0;
  let peakMb = 0;
  while ((performance.now() - began) / 60_000 < Number(options.minutes)) {
    const cpu = cpuSecondsOf(pid);
    const load = { url: pdp.url, connections: Number(options.connections), seconds: everySeconds };
    const figures = await loadWith(QUESTIONS, load);
    const mb = residentMbOf(pid);
    const minutes = (performance.now() - began) / 60_000;
    requests += figures.requests;
    wrongAnswers += figures.wrongAnswers;
    peakMb = Math.max(peakMb, mb);
    samples.push({ minutes, mb, requests });
    if (figures.wrong !== undefined) console.error(figures.wrong);
    rows.push({
      minutes: minutes.toFixed(1),
      'requests/s': Math.round(figures.requests / figures.seconds).toLocaleString('en'),
      p99: `${quantile(figures.latencies, 0.99).toFixed(2)} ms`,
      'CPU per request': `${(((cpuSecondsOf(pid) - cpu) / figures.requests) * 1e6).toFixed(1)} µs`,
      memory: `${mb.toFixed(1)} MB`,
    });
  }
  printTable(`soak over ${options.connections} connections`, rows);
  const half = samples.slice(Math.floor(samples.length / 2));
  const perMinute = slopeOf(half.map(({ minutes, mb }) => [minutes, mb]));
  const perMillion = slopeOf(half.map(({ requests: count, mb }) => [count / 1e6, mb]));
  console.log(
    `\n${requests.toLocaleString('en')} requests, ${wrongAnswers} wrong answers; at most ${peakMb.toFixed(1)} MB; slope of the second half ` +
      `${(perMinute * 60).toFixed(1)} MB per hour, ${perMillion.toFixed(2)} MB per million requests`,
  );
  if (wrongAnswers > 0) process.exitCode = 1;
}

/** Least squares; `NaN` of less than two points. */
function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)];
  const across = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return across / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
