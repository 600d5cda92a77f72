import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  canonicalJson,
  createManifest,
  formatTrustedKeys,
  generateSigningKey,
  manifestDigest,
  readDomain,
  renderBundle,
  signRevision,
  type DomainModel,
} from '@edict/bundle';
import { Serving } from '@edict/crds';
import { summarizeManifest } from '@edict/protocol';
import type { z } from 'zod';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';
import { waitFor } from './wait-for.ts';

/** A set that is to lie on a PDP's disk as if an operator had committed it. */
export interface StoredSet {
  /** `namespace/name`. */
  readonly set: string;
  readonly domains: readonly DomainModel[];
  readonly serving?: z.input<typeof Serving>;
}

/** A PDP process that serves from its disk; there is no operator. */
export interface DiskPdp {
  readonly url: string;
  readonly grpcPort: number;
  readonly process: ChildProcess;
  /** How long it took from the start of the process until it was ready. */
  readonly readyMs: number;
  /** The same of the start before, with `isSecondStart`. */
  readonly firstReadyMs: number | undefined;
  /** What it has written so far: its log and its records. */
  readonly output: () => string;
  readonly stop: () => Promise<void>;
}

export interface DiskPdpOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of Node, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
  /** The program; this repository's source by default. */
  readonly main?: string;
  /** Start it, wait until what it compiled is on its disk, end it, and start it again: as a pod that ran before starts. */
  readonly isSecondStart?: boolean;
  /** Where its log and records go, for runs that would fill the disk; a file that is deleted with the PDP by default. */
  readonly outputFile?: string;
  /** Give up on a start after this long; 30,000 by default. */
  readonly readyTimeoutMs?: number;
}

/** How often it is looked whether the PDP is ready; what a start takes is told no more exactly than this. */
const POLL_MS = 10;

/** A domain of YAML text. @throws Error if it is none */
export function domainOf(text: string): DomainModel {
  const read = readDomain(text, 'domain.yaml');
  if (!read.ok) throw new Error(read.problems.map(({ message }) => message).join('\n'));
  return read.domain;
}

/** A domain that is nothing but libraries and data. */
export function libraryDomain(name: string, modules: Readonly<Record<string, string>>): DomainModel {
  const libraries = Object.entries(modules).map(([mrn, rego]) => ({
    mrn,
    name: '',
    description: '',
    rego,
    dependencies: [],
  }));
  return {
    name,
    policies: [],
    libraries,
    roles: [],
    groups: [],
    resourceGroups: [],
    resources: [],
    scopes: [],
    operations: [],
    mappers: [],
  };
}

/** Starts the PDP of this repository on sets that lie on its disk; resolves when it is ready. */
export async function startPdpFromDisk(sets: readonly StoredSet[], options: DiskPdpOptions = {}): Promise<DiskPdp> {
  const folder = await mkdtemp(join(tmpdir(), 'edict-disk-'));
  await mkdir(join(folder, 'artifacts'));
  await mkdir(join(folder, 'sets'));
  const key = generateSigningKey();
  for (const one of sets) await store(folder, one, key.privateKey);
  await writeFile(join(folder, 'keys.json'), formatTrustedKeys([key.publicKey]));
  const [port = 0, grpcPort = 0] = await freePorts(2);
  const log = options.outputFile ?? join(folder, 'output.log');
  const url = `http://127.0.0.1:${port}`;
  const env = {
    EDICT_PDP_LISTEN_HOST: '127.0.0.1',
    EDICT_PDP_LISTEN_PORT: String(port),
    EDICT_PDP_GRPC_LISTEN: `127.0.0.1:${grpcPort}`,
    EDICT_PDP_OPERATOR_ADDRESS: '127.0.0.1:1',
    EDICT_PDP_BUNDLES_URL: 'https://127.0.0.1:1',
    EDICT_PDP_CA_FILE: join(folder, 'ca.crt'),
    EDICT_PDP_KEYS_FILE: join(folder, 'keys.json'),
    EDICT_PDP_DATA_DIR: folder,
    EDICT_PDP_DRAIN_DELAY_MS: '0',
  };
  const output = (): string => readFileSync(log, 'utf8');
  const running: { child: ChildProcess | undefined } = { child: undefined };
  const start = async (): Promise<{ readonly child: ChildProcess; readonly readyMs: number }> => {
    const startedAt = performance.now();
    const child = spawnPdp(options, env, log);
    running.child = child;
    await untilReady(child, url, output, options.readyTimeoutMs);
    return { child, readyMs: performance.now() - startedAt };
  };
  const stop = async (): Promise<void> => {
    await ended(running.child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    let firstReadyMs: number | undefined;
    if (options.isSecondStart === true) {
      const { child, readyMs } = await start();
      firstReadyMs = readyMs;
      await waitFor('the compiled policies to be on disk', async () => {
        return (await readdir(join(folder, 'compiled'))).length === sets.length;
      });
      await ended(child);
    }
    const { child, readyMs } = await start();
    return { url, grpcPort, process: child, readyMs, firstReadyMs, output, stop };
  } catch (error) {
    const text = output();
    await stop();
    throw new Error(`the PDP does not become ready: ${text}`, { cause: error });
  }
}

function spawnPdp(options: DiskPdpOptions, env: Readonly<Record<string, string>>, log: string): ChildProcess {
  const main = options.main ?? join(import.meta.dirname, '../../pdp/server/src/main.ts');
  const descriptor = openSync(log, 'a');
  try {
    return spawn(process.execPath, [...(options.nodeArgs ?? []), main], {
      env: { ...process.env, ...env, ...options.env },
      stdio: ['ignore', descriptor, descriptor],
    });
  } finally {
    closeSync(descriptor);
  }
}

async function untilReady(child: ChildProcess, url: string, output: () => string, timeoutMs = 30_000): Promise<void> {
  await waitFor(
    'the PDP to be ready',
    async () => {
      if (child.exitCode !== null) throw new Error(`it has ended: ${output()}`);
      const answer = await fetch(`${url}/readyz`);
      return answer.ok;
    },
    { intervalMs: POLL_MS, timeoutMs },
  );
}

async function ended(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

async function store(folder: string, { set, domains, serving }: StoredSet, privateKey: string): Promise<void> {
  const [namespace = ''] = set.split('/');
  const setUid = `uid of ${set}`;
  const bundles = domains.map((domain) => ({ domain, bundle: renderBundle(domain) }));
  const manifest = createManifest({
    setUid,
    engineMin: '0.1.0',
    policies: domains.reduce((sum, { policies }) => sum + policies.length, 0),
    domains: bundles.map(({ domain: { name }, bundle: { digest, size, gzSize } }) => ({
      namespace,
      name,
      uid: `uid of ${name}`,
      generation: 1,
      digest,
      size,
      gzSize,
    })),
    ...(serving === undefined ? {} : { serving: Serving.parse(serving) }),
  });
  const digest = manifestDigest(manifest);
  const createdAt = new Date(0).toISOString();
  const revision = signRevision({ set, setUid, n: 1, digest, parent: 0, reason: 'Spec', createdAt }, privateKey);
  const artifact = (name: string): string => join(folder, 'artifacts', name.replace(':', '-'));
  for (const { bundle } of bundles) await writeFile(artifact(bundle.digest), bundle.gzip);
  await writeFile(artifact(digest), canonicalJson(manifest));
  const record = { active: { revision, manifest: summarizeManifest(manifest) } };
  await writeFile(join(folder, 'sets', `${encodeURIComponent(set)}.json`), JSON.stringify(record));
}
