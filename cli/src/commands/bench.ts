import { getHeapStatistics } from 'node:v8';
import { CommandError, printJson, type Io } from '../io.ts';
import { benchmark, benchmarkMetrics, type BenchmarkResult } from '../rego/benchmark.ts';
import { boxRows } from '../rego/box-table.ts';
import { PolicyNetwork } from '../rego/network.ts';
import { printProblems, ToolProblems } from '../rego/problems.ts';
import { printReport } from '../rego/report-json.ts';
import { problemsJson } from '../rego/results.ts';
import { Timers } from '../rego/timers.ts';
import { prepare, readQuestion, type QueryOptions } from './eval.ts';

/** Forms in which a benchmark is printed; those of OPA. */
export const BENCH_FORMATS = ['pretty', 'json', 'gobench'] as const;

export interface BenchOptions extends QueryOptions {
  readonly format: (typeof BENCH_FORMATS)[number];
  readonly count: number;
  /** How long one measurement takes, in milliseconds. */
  readonly duration: number;
  readonly benchmem: boolean;
  readonly metrics: boolean;
  /** Whether an undefined result ends the benchmark. */
  readonly fail: boolean;
}

const machine = {
  nowNs: () => process.hrtime.bigint(),
  allocatedBytes: () => getHeapStatistics().total_allocated_bytes,
};

/** `edict bench`: how long one query takes, compiled and with its data in place. Exit code 1 for errors. */
export async function benchQuery(io: Io, query: string | undefined, options: BenchOptions): Promise<void> {
  const { strictBuiltinErrors, timeout: timeoutMs, format } = options;
  try {
    const timers = new Timers(() => performance.now());
    const asked = await readQuestion(io, query, options, timers);
    const evaluate = prepare(asked, options, timers).bind({});
    using network = await PolicyNetwork.open(options.allowNet, (message) => {
      io.stderr(`${message}\n`);
    });
    const asking = network.session();
    const { session } = asking;
    const how = { input: asked.input, strictBuiltinErrors, timeoutMs, network: session };
    const once = (): void => {
      session.evaluatedMs = 0;
      const { rows, problem } = evaluate(how);
      if (problem !== undefined) throw new ToolProblems([problem]);
      if (rows.length === 0 && options.fail) throw new ToolProblems([{ message: 'undefined result' }]);
    };
    // The network is asked once, and not measured.
    await asking.evaluate(once);
    for (let turn = 0; turn < options.count; turn++) {
      print(io, benchmark(once, options.duration, machine), options);
    }
  } catch (error) {
    if (!(error instanceof ToolProblems)) throw error;
    const { problems } = error;
    if (format === 'json') io.stdout(`${printReport({ errors: problemsJson(problems) })}\n`);
    else io.stderr(printProblems(problems));
    throw new CommandError('');
  }
}

function print(io: Io, result: BenchmarkResult, { format, benchmem, metrics }: BenchOptions): void {
  const named = benchmarkMetrics(result, benchmem, metrics);
  const { samples, totalNs, bytesPerOp } = result;
  switch (format) {
    case 'pretty':
      io.stdout(boxRows(named.map(([name, value]) => [name, String(value)])));
      return;
    case 'json': {
      const extra = Object.fromEntries(named.filter(([name]) => name.startsWith('histogram')));
      const memory = benchmem ? { MemBytes: Math.round(bytesPerOp * samples) } : {};
      printJson(io, { N: samples, T: totalNs, Bytes: 0, ...memory, Extra: extra });
      return;
    }
    case 'gobench': {
      const [, ...measured] = named;
      const columns = measured.map(([name, value]) => `${String(value).padStart(10)} ${name}`);
      io.stdout(`BenchmarkEdictEval\t${String(samples).padStart(8)}\t${columns.join('\t')}\n`);
      return;
    }
    default:
      format satisfies never;
  }
}
