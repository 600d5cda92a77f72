import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { Counter, Gauge, type Registry } from 'prom-client';
import { GC_KINDS, GcPauses } from './gc-pauses.ts';

/** How often the event loop is looked at: rarely enough that an idle process stays idle. */
const LOOK_EVERY_MS = 20;

const QUANTILES = [0.5, 0.9, 0.99] as const;

// Watched from the first time on that somebody asks, and shared by all registries: there is one process.
let delays: ReturnType<typeof monitorEventLoopDelay> | undefined;
let pauses: GcPauses | undefined;

/**
 * Adds what is measured of the whole process: memory, CPU, delays of the event loop, pauses for garbage collection. Values
 * are read when the registry is asked for them; names are those that dashboards for Node and Prometheus know, where there are
 * such. Delays and pauses are watched from the first time on that they are asked for: a registry nobody reads costs nothing.
 */
export function addProcessMetrics(registry: Registry): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers, collect: () => made.set(read()) });
  };
  gauge('process_start_time_seconds', 'Start of the process, in seconds since the epoch.', () => {
    return performance.timeOrigin / 1000;
  });
  gauge('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
  gauge('nodejs_heap_size_used_bytes', 'Used part of the heap.', () => getHeapStatistics().used_heap_size);
  gauge('nodejs_heap_size_total_bytes', 'Size of the heap.', () => getHeapStatistics().total_heap_size);
  gauge('nodejs_external_memory_bytes', 'Memory outside of the heap that objects in it hold.', () => {
    return getHeapStatistics().external_memory;
  });
  addCpu(registry);
  addEventLoop(registry);
  addGc(registry);
}

function addCpu(registry: Registry): void {
  const cpu: Counter = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, user and system.',
    registers: [registry],
    collect: () => {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / 1e6);
    },
  });
}

function addEventLoop(registry: Registry): void {
  const delay: Gauge<'quantile'> = new Gauge({
    name: 'nodejs_eventloop_delay_seconds',
    help: 'How late the event loop was since this was last asked for, by quantile.',
    labelNames: ['quantile'],
    registers: [registry],
    collect: () => {
      if (delays === undefined) {
        delays = monitorEventLoopDelay({ resolution: LOOK_EVERY_MS });
        delays.enable();
      }
      for (const quantile of QUANTILES) {
        // The monitor counts its own period in; before its first look all its percentiles are 0.
        const lateMs = Math.max(0, delays.percentile(quantile * 100) / 1e6 - LOOK_EVERY_MS);
        delay.set({ quantile: String(quantile) }, lateMs / 1000);
      }
      delays.reset();
    },
  });
}

function addGc(registry: Registry): void {
  const registers = [registry];
  const counter = (name: string, help: string, member: 'pauses' | 'seconds'): void => {
    const made: Counter<'kind'> = new Counter({
      name,
      help,
      labelNames: ['kind'],
      registers,
      collect: () => {
        pauses ??= new GcPauses().watch();
        made.reset();
        for (const kind of GC_KINDS) made.inc({ kind }, pauses.totals[kind][member]);
      },
    });
  };
  counter('nodejs_gc_pauses_total', 'Pauses for garbage collection, by kind.', 'pauses');
  counter('nodejs_gc_pause_seconds_total', 'Time of these pauses.', 'seconds');
  const longest: Gauge = new Gauge({
    name: 'nodejs_gc_pause_max_seconds',
    help: 'The longest such pause since this was last asked for.',
    registers,
    collect: () => {
      pauses ??= new GcPauses().watch();
      longest.set(pauses.takeLongest());
    },
  });
}
