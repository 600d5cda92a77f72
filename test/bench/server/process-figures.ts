import { readFileSync, readdirSync } from 'node:fs';

/** USER_HZ, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** User and system time of a process and its children, in seconds; `NaN` where there is no /proc. */
export function cpuSecondsOf(pid: number): number {
  try {
    return processesOf(pid).reduce((sum, one) => {
      const stat = readFileSync(`/proc/${one}/stat`, 'utf8');
      // The second field is the program's name in parentheses, which may hold spaces.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    }, 0);
  } catch {
    return Number.NaN;
  }
}

/** Resident memory of a process and its children, in MB of 10^6 bytes; `NaN` where there is no /proc. */
export function residentMbOf(pid: number): number {
  try {
    return processesOf(pid).reduce((sum, one) => {
      const [, kB = ''] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${one}/status`, 'utf8')) ?? [];
      return sum + (Number(kB) * 1024) / 1e6;
    }, 0);
  } catch {
    return Number.NaN;
  }
}

function processesOf(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(processesOf)];
}
