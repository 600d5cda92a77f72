import { readFile } from 'node:fs/promises';

/** Ticks of all cores of this machine since it started. */
export interface MachineCpu {
  readonly all: number;
  readonly idle: number;
  /** Taken by the host of a virtual machine. */
  readonly stolen: number;
}

/** What the cores of this machine have done until now. */
export async function machineCpu(): Promise<MachineCpu> {
  const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
  // user nice system idle iowait irq softirq steal; what comes after is part of user and nice.
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const [, , , idle = 0, waiting = 0, , , stolen = 0] = ticks;
  return { all: ticks.reduce((sum, value) => sum + value, 0), idle: idle + waiting, stolen };
}

/** Shares of the time between two readings, percent of all cores: busy, whoever with, and stolen. */
export function shareSince(before: MachineCpu, after: MachineCpu): { readonly busy: number; readonly stolen: number } {
  const all = after.all - before.all;
  const percent = (ticks: number): number => (100 * ticks) / all;
  const stolen = after.stolen - before.stolen;
  return { busy: percent(all - (after.idle - before.idle) - stolen), stolen: percent(stolen) };
}
