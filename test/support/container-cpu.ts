import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { controlGroup } from './control-group.ts';

/** What a container's first process has had of the processors since it began. */
export interface ContainerCpu {
  /** Milliseconds that its threads ran. */
  readonly ranMs: number;
  /** Milliseconds that its threads could have run, and waited for a core that others had. */
  readonly waitedMs: number;
  /** Periods in which its limit of CPU stopped it; 0 where it has no limit. */
  readonly throttled: number;
}

/** CPU of the container whose first process has that number on this machine. */
export async function containerCpu(pid: number): Promise<ContainerCpu> {
  let [ranMs, waitedMs] = [0, 0];
  for (const task of await readdir(`/proc/${pid}/task`)) {
    const [ran = 0, waited = 0] = (await readFile(`/proc/${pid}/task/${task}/schedstat`, 'utf8'))
      .split(' ')
      .map(Number);
    ranMs += ran / 1e6;
    waitedMs += waited / 1e6;
  }
  const { folder } = await controlGroup(pid, 'cpu');
  const statistics = await readFile(path.join(folder, 'cpu.stat'), 'utf8');
  return { ranMs, waitedMs, throttled: Number(/^nr_throttled ([0-9]+)$/m.exec(statistics)?.[1]) };
}

/** What came between two readings. */
export function cpuSince(before: ContainerCpu, after: ContainerCpu): ContainerCpu {
  return {
    ranMs: after.ranMs - before.ranMs,
    waitedMs: after.waitedMs - before.waitedMs,
    throttled: after.throttled - before.throttled,
  };
}
