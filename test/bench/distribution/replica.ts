import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleProgram, BUNDLES, variablesOf } from '../../../scripts/images/bundle.ts';
import {
  startOperatorProcess,
  type OperatorProcess,
  type OperatorProcessOptions,
} from '../../integration/operator-process.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A replica of the operator, as its image runs it, seen from outside by Node's inspector. */
export interface Replica {
  readonly process: OperatorProcess;
  /** Its memory after its garbage was collected. */
  readonly resting: () => Promise<RestingMemory>;
  /** The most that was ever resident, bytes. */
  readonly peakBytes: () => number;
  /** Records what its main thread does until the returned function writes that to `file`. */
  readonly profile: (file: string) => Promise<() => Promise<void>>;
  /** Writes what its heap holds to `file`, for the memory view of a browser's developer tools. */
  readonly snapshot: (file: string) => Promise<void>;
}

/** Where the memory of a process is, bytes. */
export interface RestingMemory {
  /** All that is resident. */
  readonly resident: number;
  /** Of it what V8's heap has taken from the system. */
  readonly heap: number;
  /** Of the heap what is in use. */
  readonly heapUsed: number;
  /** Of all that is resident what is neither V8's heap nor mapped from a file: what C and C++ hold, TLS above all. */
  readonly native: number;
}

/** Where a replica is that others have to find. */
export interface ReplicaPlace {
  readonly host: string;
  readonly streamPort: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Collections in a row: weak references and finalizers need more than one. */
const COLLECTIONS = 3;

/** Which program the replicas run: the bundle of the image, or the sources. */
export async function operatorProgram(
  fromSource: boolean,
): Promise<Pick<OperatorProcessOptions, 'main' | 'env'> & { readonly nodeArgs: readonly string[] }> {
  if (fromSource) return { nodeArgs: [] };
  const spec = BUNDLES.find(({ name }) => name === 'operator');
  if (spec === undefined) throw new Error('no bundle is named operator');
  const { directory } = await bundleProgram(spec);
  return { main: path.join(directory, 'main.js'), nodeArgs: spec.flags, env: variablesOf(spec, directory) };
}

/** Starts a replica and resolves when it is ready. */
export async function startReplica(options: {
  readonly name: string;
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly program: Awaited<ReturnType<typeof operatorProgram>>;
  readonly place?: ReplicaPlace;
}): Promise<Replica> {
  const { program, place, ...others } = options;
  const running = await startOperatorProcess({
    ...others,
    ...program,
    ...(place === undefined ? {} : { host: place.host, streamPort: place.streamPort }),
    env: { ...program.env, ...place?.env },
    nodeArgs: [...program.nodeArgs, '--inspect=127.0.0.1:0'],
    logLevel: 'info',
  });
  return {
    process: running,
    resting: async () => {
      const inspector = await connectInspector(running);
      for (let left = COLLECTIONS; left > 0; left -= 1) await inspector.call('HeapProfiler.collectGarbage');
      const { usedSize, totalSize } = (await inspector.call('Runtime.getHeapUsage')) as HeapUsage;
      inspector.close();
      const native = statusBytes(running.pid, 'RssAnon') - totalSize;
      return { resident: statusBytes(running.pid, 'VmRSS'), heap: totalSize, heapUsed: usedSize, native };
    },
    peakBytes: () => statusBytes(running.pid, 'VmHWM'),
    profile: async (file) => {
      // One that is connected keeps a process from ending, so it is there only as long as it must be.
      const inspector = await connectInspector(running);
      await inspector.call('Profiler.enable');
      await inspector.call('Profiler.start');
      return async () => {
        const { profile } = (await inspector.call('Profiler.stop')) as { readonly profile: object };
        inspector.close();
        await writeFile(file, JSON.stringify(profile));
      };
    },
    snapshot: async (file) => {
      const pieces: string[] = [];
      const inspector = await connectInspector(running, (piece) => pieces.push(piece));
      await inspector.call('HeapProfiler.takeHeapSnapshot');
      inspector.close();
      await writeFile(file, pieces.join(''));
    },
  };
}

interface Inspector {
  readonly call: (method: string) => Promise<unknown>;
  readonly close: () => void;
}

interface HeapUsage {
  readonly usedSize: number;
  readonly totalSize: number;
}

interface InspectorAnswer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
  /** Of an event: here a piece of a heap snapshot. */
  readonly params?: { readonly chunk?: string };
}

/** `onPiece` hears the pieces of a heap snapshot, which all come before its call is answered. */
async function connectInspector(
  { log, name }: OperatorProcess,
  onPiece: (piece: string) => void = () => undefined,
): Promise<Inspector> {
  const url = await waitFor(`the inspector of ${name}`, () => /ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/.exec(log())?.[0]);
  const socket = new WebSocket(url);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () => reject(new Error(`the inspector of ${name} does not answer`)));
  });
  const awaited = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  socket.addEventListener('message', ({ data }) => {
    const { id = 0, result, error, params } = JSON.parse(String(data)) as InspectorAnswer;
    if (params?.chunk !== undefined) onPiece(params.chunk);
    const call = awaited.get(id);
    awaited.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(error.message));
  });
  socket.addEventListener('close', () => {
    for (const { reject } of awaited.values()) reject(new Error(`${name} is gone`));
  });
  let lastId = 0;
  return {
    call: (method) =>
      new Promise((resolve, reject) => {
        lastId += 1;
        awaited.set(lastId, { resolve, reject });
        socket.send(JSON.stringify({ id: lastId, method }));
      }),
    close: () => socket.close(),
  };
}

function statusBytes(pid: number, field: 'VmRSS' | 'RssAnon' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, kB = ''] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
  return Number(kB) * 1024;
}
