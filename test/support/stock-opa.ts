import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { findOpa } from '../fuzz/opa-server.ts';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';
import { waitFor } from './wait-for.ts';

/** A real OPA with a configuration of its own. */
export interface StockOpa {
  readonly url: string;
  /** All that it logged, a line of JSON each. */
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

/** Starts OPA's server with this configuration, and resolves when it answers. */
export async function startStockOpa(
  file: string,
  config: unknown,
  env: Readonly<Record<string, string>> = {},
): Promise<StockOpa> {
  await writeFile(file, JSON.stringify(config));
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${String(port)}`;
  const args = ['run', '--server', '--addr', url.slice('http://'.length), '--config-file', file];
  const child = spawn(findOpa(process.env['EDICT_OPA']), [...args, '--log-level', 'debug', '--skip-version-check'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => lines.push(text));
  }
  const log = (): string => lines.join('');
  await waitFor('OPA to answer', async () => {
    if (child.exitCode !== null) throw new Error(`OPA ended:\n${log()}`);
    return (await fetch(`${url}/health`)).ok;
  });
  return {
    url,
    log,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** A proxy (HTTP CONNECT) that leads every name to a port of this machine, so that a client can check a certificate's name. */
export async function startNameProxy(
  portOf: () => number,
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const server = createServer();
  server.on('connect', (_request, socket) => {
    const onward = connect(portOf(), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [socket, onward]) {
      end.on('error', () => {
        socket.destroy();
        onward.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await Promise.resolve();
    },
  };
}
