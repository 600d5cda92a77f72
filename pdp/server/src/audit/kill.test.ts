import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, expect, test } from '@jest/globals';
import { useFolders } from '../testing/folders.ts';

const newFolder = useFolders();
const WRITER = join(import.meta.dirname, '../testing/audit-writer.ts');
const ROUNDS = 4;
/** Decisions that are given before the process is killed, in each round. */
const KILL_AFTER = [40, 1, 1200, 333];

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** Kills a writer once it has given so many decisions; tells which. */
async function killedAfter(decisions: number, settings: object, folder: string, first: number): Promise<string[]> {
  const args = [WRITER, JSON.stringify(settings), folder, String(first), String(first + 1_000_000)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    said += part;
    if (said.split('\n').length > decisions) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  return said.split('\n').slice(0, -1);
}

/** Lets a writer deliver what the killed ones left. */
async function finish(settings: object, folder: string): Promise<void> {
  const child = spawn(process.execPath, [WRITER, JSON.stringify(settings), folder, '0', '0'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  expect(await once(child, 'close')).toStrictEqual([0, null]);
}

async function killInALoop(settings: object, folder: string): Promise<readonly string[]> {
  const given: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    given.push(...(await killedAfter(KILL_AFTER[round] ?? 1, settings, folder, round * 1_000_000)));
  }
  await finish(settings, folder);
  return given;
}

/** Of a line that a kill cut off there is a whole one further on. */
const wholeIdsOf = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /^\{.*"decision_id":"(\d+)".*"trace_id":"\w+"\}$/.exec(line)?.[1] ?? []);

test.each(['Always', 'Never'] as const)(
  'with a write-ahead journal (sync %s) every decision that was given is in the file, however often the process is killed',
  async (sync) => {
    const folder = await newFolder();
    const path = join(folder, 'records.jsonl');
    const journal = { writeAhead: true, sync, segmentBytes: 65_536 };
    const settings = { sinks: [{ name: 'file', type: 'File', path, format: 'DecisionLog', journal }] };
    const given = await killInALoop(settings, folder);
    const ids = wholeIdsOf((await readFile(path, 'utf8')).split('\n'));
    expect(given.length).toBeGreaterThanOrEqual(KILL_AFTER.reduce((sum, one) => sum + one));
    expect(given.filter((id) => !new Set(ids).has(id))).toStrictEqual([]);
  },
);

/** A receiver of uploads, which answers each with the status that `status` gives. */
async function receiver(status: () => number) {
  const received: string[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const events = JSON.parse(gunzipSync(Buffer.concat(parts)).toString()) as { readonly decision_id: string }[];
      const code = status();
      if (code === 200) received.push(...events.map(({ decision_id: id }) => id));
      response.writeHead(code).end();
    });
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logs` };
}

test('what is delivered twice is what was under way when the process was killed', async () => {
  const folder = await newFolder();
  const { received, url } = await receiver(() => 200);
  const batch = { maxRecords: 50, maxDelayMs: 1 };
  const settings = {
    sinks: [{ name: 'http', type: 'Http', url, batch, journal: { writeAhead: true, sync: 'Never' } }],
  };
  const given = await killInALoop(settings, folder);
  const arrived = new Set(received);
  expect(given.filter((id) => !arrived.has(id))).toStrictEqual([]);
  // At most the batch whose answer the killed process did not live to note.
  expect(received.length - arrived.size).toBeLessThanOrEqual(ROUNDS * batch.maxRecords);
});

/** In a mount namespace of its own a process may mount a disk; not every machine lets tests do so. */
const canMount = spawnSync('unshare', ['--map-root-user', '--mount', 'true']).status === 0;

/** A disk of one megabyte that is all the process has for its journal. */
const smallDisk = (folder: string): readonly string[] => {
  const shell = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"';
  return ['unshare', '--map-root-user', '--mount', 'sh', '-c', shell, folder];
};

/** A bound on the size of files, in blocks of 512 bytes: writes beyond it take a part, and then fail as on a full disk. */
const smallFiles = (): readonly string[] => ['sh', '-c', 'ulimit -S -f 64 && exec "$0" "$@"'];

interface FullDisk {
  readonly name: string;
  /** What runs the process so that it has little room. */
  readonly around: (folder: string) => readonly string[];
  /** Makes room. */
  readonly relieve: (pid: number) => void;
  /** What the receiver of records answers. */
  readonly status: (isRelieved: boolean) => number;
}

const FULL_DISKS: readonly FullDisk[] = [
  ...(canMount
    ? [
        {
          name: 'a disk that is full until records are delivered',
          around: smallDisk,
          relieve: () => undefined,
          status: (isRelieved: boolean) => (isRelieved ? 200 : 503),
        },
      ]
    : []),
  {
    name: 'files that may not grow',
    around: smallFiles,
    relieve: (pid) => {
      expect(spawnSync('sh', ['-c', 'prlimit --pid "$0" --fsize=unlimited:unlimited', String(pid)]).status).toBe(0);
    },
    status: () => 200,
  },
];

test.each(FULL_DISKS)('with $name decisions stop until there is room, and none is lost', async (disk) => {
  const folder = await newFolder();
  let isRelieved = false;
  const { received, url } = await receiver(() => disk.status(isRelieved));
  const journal = {
    writeAhead: true,
    sync: 'Always',
    maxBytes: 100_000_000,
    segmentBytes: 65_536,
    retryMs: 20,
    onFull: 'Block',
  };
  const retry = { minMs: 10, maxMs: 50 };
  const settings = { sinks: [{ name: 'http', type: 'Http', url, retry, batch: { maxDelayMs: 1 }, journal }] };
  const decisions = 4_000;
  const [program = '', ...args] = disk.around(folder);
  const writer = [process.execPath, WRITER, JSON.stringify(settings), folder, '0', String(decisions)];
  const child = spawn(program, [...args, ...writer], { stdio: ['ignore', 'pipe', 'pipe'] });
  let given = 0;
  child.stdout.setEncoding('utf8').on('data', (part: string) => (given += part.split('\n').length - 1));
  let givenWhenFull: number | undefined;
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    complaints += part;
    if (isRelieved || !complaints.includes('the audit journal cannot be written')) return;
    givenWhenFull = given;
    isRelieved = true;
    disk.relieve(child.pid ?? 0);
  });
  expect([await once(child, 'close'), complaints]).toStrictEqual([[0, null], expect.stringContaining('journal')]);
  expect(givenWhenFull).toBeLessThan(decisions);
  expect(given).toBe(decisions);
  expect(new Set(received).size).toBe(decisions);
});
