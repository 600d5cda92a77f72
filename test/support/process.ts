import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { waitFor } from './wait-for.ts';

/**
 * `bound`: the kernel kills the program when this process ends, however it ends (Linux; elsewhere `stopProcesses` must be
 * called). `detached`: the program outlives this process.
 */
export type Lifetime = 'bound' | 'detached';

/** One program to start; its output goes to `<directory>/logs/<name>.log`. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** State directory; the process is recorded in `<directory>/run/<name>.json`, so that another process can stop it. */
  readonly directory: string;
  readonly lifetime: Lifetime;
  readonly env?: Readonly<Record<string, string>>;
}

/** A process as the kernel knows it: a number may be used again, the number with its start time not. */
interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string | undefined;
}

const SETPRIV = '/usr/bin/setpriv';

/** Starts a program and resolves when it runs; its end before that rejects. */
export async function startProcess(spec: ProcessSpec): Promise<void> {
  const logs = path.join(spec.directory, 'logs');
  const run = path.join(spec.directory, 'run');
  await mkdir(logs, { recursive: true });
  await mkdir(run, { recursive: true });
  const log = openSync(path.join(logs, `${spec.name}.log`), 'a');
  const wrapped = spec.lifetime === 'bound' && existsSync(SETPRIV);
  const command = wrapped ? SETPRIV : spec.command;
  const args = wrapped ? ['--pdeathsig', 'KILL', '--', spec.command, ...spec.args] : spec.args;
  // A group of its own: an interrupt typed at the terminal must not end etcd before those that write to it.
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...spec.env },
  });
  closeSync(log);
  child.unref();
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      if (child.pid === undefined) reject(new Error(`${spec.name} has no process id`));
      else resolve(child.pid);
    });
  });
  // The kernel knows of the bond only once the wrapper has given way to the program.
  if (wrapped) await waitFor(`${spec.name} to replace its wrapper`, () => Promise.resolve(!isWrapper(pid)));
  const identity: ProcessIdentity = { pid, startTicks: startTicksOf(pid) };
  await writeFile(path.join(run, `${spec.name}.json`), JSON.stringify(identity));
}

/** True while a process still is the wrapper; false too for one that has ended. */
function isWrapper(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === path.basename(SETPRIV);
  } catch {
    return false;
  }
}

/** Names of the programs recorded in a state directory, running or not. */
export async function recordedProcesses(directory: string): Promise<readonly string[]> {
  const entries = await readdir(path.join(directory, 'run')).catch(() => []);
  return entries.filter((entry) => entry.endsWith('.json')).map((entry) => entry.slice(0, -'.json'.length));
}

/** Whether a recorded program still runs. */
export async function isRunning(directory: string, name: string): Promise<boolean> {
  const identity = await readIdentity(directory, name);
  return identity !== undefined && isSame(identity);
}

/** The last lines of a program's output, for messages about why it failed. */
export async function readLogTail(directory: string, name: string, lines = 15): Promise<string> {
  const text = await readFile(path.join(directory, 'logs', `${name}.log`), 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/** Ends a recorded program: SIGTERM, and SIGKILL after `graceMs`. Stopping what does not run is no error. */
export async function stopProcess(directory: string, name: string, graceMs = 10_000): Promise<void> {
  const identity = await readIdentity(directory, name);
  if (identity !== undefined && isSame(identity)) {
    signalProcess(identity.pid, 'SIGTERM');
    const gone = (): boolean => !isSame(identity);
    await waitFor(`${name} to end`, gone, { timeoutMs: graceMs, intervalMs: 20 }).catch(() => {
      signalProcess(identity.pid, 'SIGKILL');
    });
    await waitFor(`${name} to be killed`, gone, { intervalMs: 20 });
  }
  await rm(path.join(directory, 'run', `${name}.json`), { force: true });
}

/** Sends a signal; a process that is gone already is no error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

async function readIdentity(directory: string, name: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(path.join(directory, 'run', `${name}.json`), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as ProcessIdentity);
}

/** A zombie counts as gone: it holds no port and no file. */
function isSame(identity: ProcessIdentity): boolean {
  if (existsSync('/proc/self/stat')) {
    // One that ended before it could be recorded has no start time, and is no process that has none either.
    return identity.startTicks !== undefined && startTicksOf(identity.pid) === identity.startTicks;
  }
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Clock ticks from boot to the start of a process, from `/proc/<pid>/stat`; undefined when it is gone or a zombie. */
function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses, which may hold spaces; state is the third, start time the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
