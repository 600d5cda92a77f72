import cluster from 'node:cluster';
import type { Readable } from 'node:stream';
import { closeUntakenAtExit } from './dealt-connections.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { WORKER_VARIABLE } from './worker-variable.ts';

/** One worker as its primary sees it. */
export interface WorkerProcess {
  readonly pid: number;
  readonly send: (message: ToWorker) => void;
  /** Ends it now. */
  readonly kill: () => void;
}

/** What its primary is told of a worker. */
export interface WorkerEvents {
  readonly onMessage: (message: FromWorker) => void;
  /** It has ended, and says nothing more. */
  readonly onExit: (cause: string) => void;
  /** Its standard output. */
  readonly onOutput: (output: Readable) => void;
}

/** Starts one worker. */
export type StartWorker = (slot: number, events: WorkerEvents) => WorkerProcess;

/** What a worker runs; by default what this process runs, with its environment. */
export interface WorkerProgram {
  readonly exec?: string;
  readonly execArgv?: string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts workers as processes of this program, which share its ports: the primary takes the connections and hands each to the
 * next worker in turn. A worker that ends takes with it no connection that it had not yet been given; one that was on its way
 * to it is closed.
 */
export function clusterWorkers(program: WorkerProgram = {}): StartWorker {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const { env, ...settings } = program;
  cluster.setupPrimary({
    ...settings,
    args: [],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  return (slot, { onMessage, onExit, onOutput }) => {
    const worker = cluster.fork({ ...env, [WORKER_VARIABLE]: String(slot) });
    closeUntakenAtExit(worker.process);
    worker.on('message', (message: FromWorker) => onMessage(message));
    worker.on('exit', (code: number | null, signal: string | null) => onExit(signal ?? `exit code ${String(code)}`));
    // A message to a worker that has just ended; its exit is told besides.
    worker.on('error', () => undefined);
    const { stdout } = worker.process;
    if (stdout !== null) onOutput(stdout);
    return {
      pid: worker.process.pid ?? 0,
      send: (message) => {
        if (worker.isConnected()) worker.send(message);
      },
      kill: () => void worker.process.kill('SIGKILL'),
    };
  };
}
