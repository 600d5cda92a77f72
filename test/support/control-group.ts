import { readFile } from 'node:fs/promises';
import path from 'node:path';

const CONTROL_GROUPS = '/sys/fs/cgroup';

/** Where the kernel keeps what it counts for a container. */
export interface ControlGroup {
  readonly folder: string;
  /** 1 has a tree for each controller, 2 one for all; files have other names. */
  readonly version: 1 | 2;
}

/** The control group of a process for one controller. */
export async function controlGroup(pid: number, controller: 'cpu' | 'memory'): Promise<ControlGroup> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
  const own = new RegExp(`^[0-9]+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(.*)$`, 'm').exec(groups)?.[1];
  if (own !== undefined) return { folder: path.join(CONTROL_GROUPS, controller, own), version: 1 };
  return { folder: path.join(CONTROL_GROUPS, /^0::(.*)$/m.exec(groups)?.[1] ?? ''), version: 2 };
}
