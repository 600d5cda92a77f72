import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { waitFor } from '../../support/wait-for.ts';
import type { Endpoints, FleetReport, FleetRequest, PdpReport, PdpSeed } from './fleet-messages.ts';

/** How a fleet is started. */
export interface FleetOptions {
  readonly pdps: readonly PdpSeed[];
  readonly processes: number;
  readonly endpoints: Endpoints;
  readonly caFile: string;
  readonly serverName: string;
  readonly keys: string;
  /** PDPs started a second, over all processes. */
  readonly perSecond: number;
}

/** PDPs without engines, in a few processes. */
export interface Fleet {
  readonly pids: readonly number[];
  /** Every PDP that was started so far, as it sees itself. */
  readonly report: () => Promise<readonly PdpReport[]>;
  /** Polls until `isDone` says so of all PDPs. */
  readonly until: (
    what: string,
    isDone: (pdp: PdpReport) => boolean,
    options: { readonly timeoutMs: number; readonly onProgress?: (done: number) => void },
  ) => Promise<readonly PdpReport[]>;
  readonly setEndpoints: (endpoints: Endpoints) => void;
  readonly stop: () => Promise<void>;
}

const ENTRY = path.join(import.meta.dirname, 'fleet-process.ts');
const POLL_MS = 250;

/** Starts the processes; PDPs follow at the wanted rate. */
export function startFleet(options: FleetOptions): Fleet {
  const { pdps, processes, perSecond, endpoints, caFile, serverName, keys } = options;
  const children = Array.from({ length: processes }, () => fork(ENTRY, { execArgv: ['--no-warnings'] }));
  const send = (child: ChildProcess, request: FleetRequest): boolean => child.send(request);
  children.forEach((child, index) => {
    const mine = pdps.filter((_, at) => at % processes === index);
    const everyMs = (1000 * processes) / perSecond;
    send(child, { type: 'start', pdps: mine, endpoints, caFile, serverName, keys, everyMs });
  });
  let lastId = 0;
  const ask = (child: ChildProcess): Promise<readonly PdpReport[]> =>
    new Promise((resolve, reject) => {
      lastId += 1;
      const id = lastId;
      const end = (): void => {
        child.off('message', onMessage);
        child.off('exit', onExit);
      };
      const onMessage = (report: FleetReport): void => {
        if (report.id !== id) return;
        end();
        resolve(report.pdps);
      };
      const onExit = (code: number | null): void => {
        end();
        reject(new Error(`a process of PDPs ended with ${code}`));
      };
      child.on('message', onMessage);
      child.on('exit', onExit);
      child.send({ type: 'report', id } satisfies FleetRequest, (error) => {
        if (error !== null) onExit(child.exitCode);
      });
    });
  const report = async (): Promise<readonly PdpReport[]> => (await Promise.all(children.map(ask))).flat();
  return {
    pids: children.map(({ pid }) => pid ?? 0),
    report,
    until: (what, isDone, { timeoutMs, onProgress }) =>
      waitFor(
        what,
        async () => {
          const reports = await report();
          const done = reports.filter(isDone).length;
          onProgress?.(done);
          return done === pdps.length ? reports : undefined;
        },
        { timeoutMs, intervalMs: POLL_MS },
      ),
    setEndpoints: (next) => {
      for (const child of children) send(child, { type: 'endpoints', endpoints: next });
    },
    stop: async () => {
      await Promise.all(
        children.map(async (child) => {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const ended = once(child, 'exit');
          send(child, { type: 'stop' });
          const patience = setTimeout(() => child.kill('SIGKILL'), 5_000);
          await ended;
          clearTimeout(patience);
        }),
      );
    },
  };
}
