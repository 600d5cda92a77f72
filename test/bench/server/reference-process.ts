import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../../pdp/protocol/src/testing/free-port.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { ServerProcess } from './opa-process.ts';

/**
 * Starts Manetu's own decision point, `mpe serve`, with one domain; its access records, which it writes to standard output,
 * go to a file. @throws Error if it does not answer in time, with what it says
 */
export async function startReferenceServer(program: string, domainFile: string): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'edict-bench-reference-'));
  const records = await open(join(folder, 'records.log'), 'a');
  const [port = 0] = await freePorts(1);
  const child = spawn(program, ['serve', '--bundle', domainFile, '--port', String(port)], {
    stdio: ['ignore', records.fd, 'inherit'],
  });
  // Not to be started at all is told here; the exit of one that was is waited for below.
  let problem: string | undefined;
  child.on('error', ({ message }) => (problem = message));
  child.on('exit', (code) => (problem ??= `it ended with ${String(code)}`));
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await records.close();
    await rm(folder, { recursive: true });
  };
  try {
    await waitFor(
      'the reference engine to answer',
      async () => {
        if (problem !== undefined) throw new Error(`${program}: ${problem}`);
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(`${url}/decision`, { method: 'POST', headers, body: '{}' });
        await answer.text();
        return true;
      },
      { intervalMs: 20 },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, pid: child.pid ?? 0, stop };
}
