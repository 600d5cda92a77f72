import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { controlGroup } from './control-group.ts';

/** Memory of a container, MiB. */
export interface ContainerMemory {
  /** What Kubernetes counts as used (`kubectl top`, and what a limit is about): all but files that were not used lately. */
  readonly workingSet: number;
  /** Pages of the process in memory, those of programs and libraries that others share among them. */
  readonly resident: number;
  /** The most that this has ever been. */
  readonly peakResident: number;
}

const MIB = 2 ** 20;

/** Memory of the container whose first process has that number on this machine. */
export async function containerMemory(pid: number): Promise<ContainerMemory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (field: string): number => Number(new RegExp(`^${field}:\\s+([0-9]+) kB$`, 'm').exec(status)?.[1]);
  return {
    workingSet: (await workingSetBytes(pid)) / MIB,
    resident: kilobytes('VmRSS') / 1024,
    peakResident: kilobytes('VmHWM') / 1024,
  };
}

/** As the kubelet computes it, in control groups of either version. */
async function workingSetBytes(pid: number): Promise<number> {
  const { folder, version } = await controlGroup(pid, 'memory');
  const usage = await readFile(path.join(folder, version === 2 ? 'memory.current' : 'memory.usage_in_bytes'), 'utf8');
  const statistics = await readFile(path.join(folder, 'memory.stat'), 'utf8');
  const field = version === 2 ? 'inactive_file' : 'total_inactive_file';
  return Number(usage) - Number(new RegExp(`^${field} ([0-9]+)$`, 'm').exec(statistics)?.[1]);
}
