/**
 * A real API server with etcd, two replicas of the operator as its image runs them, and a fleet of real PDP clients with tokens
 * of real pods; see `docs/benchmarks.md`. Prints a table and a verdict for each number that the project promises; exits with 1
 * if one is missed.
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { epochMs } from '../support/cluster-client.ts';
import { quantile } from '../support/figures.ts';
import { freePorts } from '../../pdp/protocol/src/testing/free-port.ts';
import { waitFor } from '../support/wait-for.ts';
import { describeWrites } from './distribution/audit-log.ts';
import { startFleet, type Fleet } from './distribution/fleet.ts';
import type { Endpoints } from './distribution/fleet-messages.ts';
import {
  operatorProgram,
  startReplica,
  type Replica,
  type ReplicaPlace,
  type RestingMemory,
} from './distribution/replica.ts';
import {
  measureRollout,
  newestRevision,
  untilCompleted,
  untilDecided,
  type RolloutFigures,
} from './distribution/rollout.ts';
import { OPERATOR_USER, startSite, type Site } from './distribution/site.ts';
import { Verdicts } from './distribution/verdicts.ts';
import { cpuSecondsOf } from './server/process-figures.ts';
import { printTable } from './server/table.ts';

const HELP = `Usage: npm run -s bench:distribution -- [options]

Starts etcd, kube-apiserver, two replicas of the operator and a fleet of PDP clients on this machine, rolls edits
out, kills the leader, and checks what the project promises of that.

  --pdps N        PDPs (default 1000)
  --processes N   processes that they are spread over (default 4)
  --rollouts N    edits that are measured, after two that are not (default 5)
  --followers N   0: PDPs find the leader by themselves (default); 1: they dial the other replica, which carries their
                  streams to it
  --idle SECONDS  how long writes of a fleet at rest are counted (default 30)
  --profile DIR   write CPU profiles of the leader there, one for each part, a snapshot of the next one's heap
                  at the end, and the logs of the replicas
  --source        run the operator from source and not bundled as in its image
  --help          this text
`;

const { values: options } = parseArgs({
  options: {
    pdps: { type: 'string', default: '1000' },
    processes: { type: 'string', default: '4' },
    rollouts: { type: 'string', default: '5' },
    followers: { type: 'string', default: '0' },
    idle: { type: 'string', default: '30' },
    profile: { type: 'string' },
    source: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** PDPs that come up in a second, as when a large Deployment is scaled up. */
const STARTS_PER_SECOND = 60;
/** Edits before anything is measured: they warm the operator's compiler up, and its heap. */
const WARM_UP_EDITS = 2;
/** What may take this long at most is given up. */
const PATIENCE_MS = 60_000;
/** So long after a rollout its last writes are out. */
const TRAILING_MS = 1_500;
/** The operator closes connections for artifacts when they have not been used for a few seconds. */
const ARTIFACTS_IDLE_MS = 8_000;

/** What a stream that is coming back may cost at its peak: twice what it may cost at rest, kB. */
const STORM_PEAK_KB = 140;

/** Whether PDPs dial a replica that carries their streams to the leader. */
const isCarried = Number(options.followers) > 0;

const began = performance.now();
const say = (text: string): void => {
  process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
};

if (options.help) console.log(HELP);
// What is under way when it was interrupted is not waited for.
else process.exit((await run()) ? 0 : 1);

async function run(): Promise<boolean> {
  say('starting etcd and kube-apiserver');
  const site = await startSite();
  const replicas: Replica[] = [];
  let fleet: Fleet | undefined;
  const measure = async (): Promise<boolean> => {
    const program = await operatorProgram(options.source);
    const placeOf = await replicaPlaces(site);
    const start = async (name: string): Promise<Replica> => {
      const { operatorKubeconfig: kubeconfig, home: namespace } = site;
      const place = await placeOf(name);
      const replica = await startReplica({ name, kubeconfig, namespace, program, ...(place && { place }) });
      replicas.push(replica);
      return replica;
    };
    const leader = await start('operator-0');
    await waitFor('it to lead', async () => (await site.leader()) === 'operator-0');
    const follower = await start('operator-1');
    say('two replicas of the operator are ready');
    const empty = await warmUp(site, leader);
    if (isCarried) await untilCarried(follower);
    const beside = await follower.resting();
    fleet = await connect(site, endpointsOf(isCarried ? [follower] : [leader, follower]));
    const verdicts = new Verdicts();
    await measureRest(site, leader, empty, verdicts);
    if (isCarried) await printFollower(follower, beside);
    await measureRollouts(site, fleet, leader, verdicts);
    await measureStorm(site, fleet, leader, follower, verdicts);
    // It stops everything for seconds, which costs a replica its lead.
    if (options.profile !== undefined) await follower.snapshot(`${options.profile}/end.heapsnapshot`);
    console.log(`\n${verdicts.text()}`);
    return verdicts.failed === 0;
  };
  try {
    return await Promise.race([measure(), interruption()]);
  } finally {
    await fleet?.stop();
    const { profile } = options;
    for (const { process: replica } of replicas) {
      if (profile !== undefined) await writeFile(`${profile}/${replica.name}.log`, replica.log());
    }
    await Promise.all(replicas.map(({ process: replica }) => replica.end('SIGKILL')));
    await site.stop();
  }
}

/** Rejects when somebody wants this to end: what was started has to end with it. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => reject(new Error(`ended by ${signal}`)));
    }
  });
}

/** Rolls edits out to nobody, and answers what the leader needs without PDPs. */
async function warmUp(site: Site, leader: Replica): Promise<RestingMemory> {
  for (let left = WARM_UP_EDITS; left > 0; left -= 1) {
    const before = newestRevision(site);
    await site.edit();
    await untilCompleted(site, await untilDecided(site, before, PATIENCE_MS), PATIENCE_MS);
  }
  await delay(TRAILING_MS);
  return leader.resting();
}

/**
 * Where replicas are that carry streams: on addresses of their own with one port, as pods have them, and with tokens by which they know
 * each other. The one that leads first is on another address than PDPs dial.
 */
async function replicaPlaces(site: Site): Promise<(name: string) => Promise<ReplicaPlace | undefined>> {
  if (!isCarried) return () => Promise.resolve(undefined);
  const [streamPort = 0] = await freePorts(1);
  return async (name) => {
    const host = name === 'operator-0' ? '127.0.0.2' : '127.0.0.1';
    const tokenFile = await site.makeReplicaPod(name, host);
    const env = { EDICT_OPERATOR_FOLLOWERS: 'Tunnel', EDICT_OPERATOR_REPLICA_TOKEN_FILE: tokenFile };
    return { host, streamPort, env };
  };
}

async function untilCarried({ process: { httpUrl } }: Replica): Promise<void> {
  await waitFor('the tunnel to the leader', async () =>
    /^operator_tunnel_connected 1$/m.test(await (await fetch(`${httpUrl}/metrics`)).text()),
  );
}

async function printFollower(follower: Replica, empty: RestingMemory): Promise<void> {
  const resting = await follower.resting();
  const perPdp = (resting.resident - empty.resident) / Number(options.pdps) / 1000;
  printTable('the follower that carries their streams', [
    {
      'memory without PDPs': megabytes(empty.resident),
      'with all': megabytes(resting.resident),
      'per PDP': kilobytes(perPdp),
    },
  ]);
}

function endpointsOf(replicas: readonly [Replica, ...Replica[]]): Endpoints {
  return {
    streamPorts: replicas.map(({ process: { streamPort } }) => streamPort),
    bundlesPort: replicas[0].process.bundlesPort,
  };
}

async function connect(site: Site, endpoints: Endpoints): Promise<Fleet> {
  const count = Number(options.pdps);
  say(`making ${count} pods and their tokens`);
  const pdps = await site.makePods(count, sayEvery(count, 'pods'));
  const startedAt = epochMs();
  const fleet = startFleet({
    pdps,
    processes: Number(options.processes),
    endpoints,
    ...(await site.trust()),
    serverName: `edict-distribution.${site.home}.svc`,
    perSecond: STARTS_PER_SECOND,
  });
  const onProgress = sayEvery(count, 'PDPs connected and serving');
  const n = newestRevision(site);
  const reports = await fleet.until(
    'every PDP to serve',
    ({ welcomedAt, active }) => welcomedAt !== undefined && active >= n,
    { timeoutMs: 2 * PATIENCE_MS, onProgress },
  );
  const dials = reports.reduce((sum, pdp) => sum + pdp.dials, 0);
  say(`all connected after ${seconds(epochMs() - startedAt)}, ${dials} dials`);
  return fleet;
}

async function measureRest(site: Site, leader: Replica, empty: RestingMemory, verdicts: Verdicts): Promise<void> {
  const count = Number(options.pdps);
  const idleSeconds = Number(options.idle);
  await delay(ARTIFACTS_IDLE_MS);
  const from = epochMs();
  const stop = await profiled(leader, 'rest');
  const cpu = cpuSecondsOf(leader.process.pid);
  say(`counting what the operator writes in ${idleSeconds} s of rest`);
  await delay(idleSeconds * 1000);
  const used = cpuSecondsOf(leader.process.pid) - cpu;
  await stop();
  const writes = await site.audit.writes(OPERATOR_USER, from, epochMs());
  const resting = await leader.resting();
  const perPdp = (of: keyof RestingMemory): number => (resting[of] - empty[of]) / count / 1000;
  printTable(`at rest, ${count} PDPs connected`, [
    {
      'memory of the leader without PDPs': megabytes(empty.resident),
      'with all': megabytes(resting.resident),
      'per PDP': kilobytes(perPdp('resident')),
      native: kilobytes(perPdp('native')),
      'V8 heap': kilobytes(perPdp('heap')),
      'in use': kilobytes(perPdp('heapUsed')),
      'CPU of the leader': `${((used / idleSeconds) * 100).toFixed(1)} % of a core`,
      [`API writes in ${idleSeconds} s`]: `${writes.length} (${describeWrites(writes)})`,
    },
  ]);
  verdicts.atMost('memory of the operator per PDP', perPdp('resident'), 70, 'kB');
  verdicts.atMost('API writes at rest in 5 s', (writes.length / idleSeconds) * 5, 1, '');
}

async function measureRollouts(site: Site, fleet: Fleet, leader: Replica, verdicts: Verdicts): Promise<void> {
  const rows: Readonly<Record<string, string>>[] = [];
  const all: (RolloutFigures & { readonly writes: number })[] = [];
  for (let at = 1 - WARM_UP_EDITS; at <= Number(options.rollouts); at += 1) {
    const isMeasured = at >= 1;
    const stop = await profiled(leader, `rollout${at}`);
    const cpu = cpuSecondsOf(leader.process.pid);
    const figures = await measureRollout(site, fleet, PATIENCE_MS);
    await delay(TRAILING_MS);
    const used = cpuSecondsOf(leader.process.pid) - cpu;
    await stop();
    const writes = await site.audit.writes(OPERATOR_USER, figures.editedAt, epochMs());
    say(`revision ${figures.n}${isMeasured ? '' : ', not counted'}: ${describeWrites(writes)}`);
    if (!isMeasured) continue;
    all.push({ ...figures, writes: writes.length });
    rows.push({
      edit: String(at),
      'apply to revision': ms(figures.created),
      'apply to Prepared p50': ms(quantile(figures.prepared, 0.5)),
      p99: ms(quantile(figures.prepared, 0.99)),
      all: ms(Math.max(...figures.prepared)),
      'decision to Active p50': ms(quantile(figures.active, 0.5)),
      'p99 ': ms(quantile(figures.active, 0.99)),
      'all ': ms(Math.max(...figures.active)),
      skew: ms(figures.skew),
      'apply to Completed': ms(figures.completed),
      'API writes': String(writes.length),
      'CPU of the leader': `${used.toFixed(2)} s`,
    });
  }
  printTable(`${rows.length} edits, ${options.pdps} PDPs`, rows);
  const worst = (of: (figures: RolloutFigures) => number): number => Math.max(...all.map(of));
  verdicts.atMost('apply to all Prepared, slowest edit', worst(({ prepared }) => Math.max(...prepared)) / 1000, 3, 's');
  verdicts.atMost('decision to all Active, slowest edit', worst(({ active }) => Math.max(...active)) / 1000, 1, 's');
  verdicts.atMost('API writes per rollout, most', Math.max(...all.map(({ writes }) => writes)), 60, '');
}

/**
 * Kills the leader the moment a decision of its own is stored, which cuts every stream before most PDPs heard of it, and edits
 * the policy again while nobody leads.
 */
async function measureStorm(
  site: Site,
  fleet: Fleet,
  leader: Replica,
  next: Replica,
  verdicts: Verdicts,
): Promise<void> {
  const count = Number(options.pdps);
  const before = newestRevision(site);
  const { resident: restingBefore } = await next.resting();
  const dialsBefore = dialsOf(await fleet.report());
  const stop = await profiled(next, 'storm');
  await site.edit();
  const decided = await untilDecided(site, before, PATIENCE_MS);
  const cutAt = epochMs();
  await leader.process.end('SIGKILL');
  const heard = (await fleet.report()).filter(({ active }) => active >= decided).length;
  fleet.setEndpoints(endpointsOf([next]));
  await site.edit();
  say(`leader killed after deciding on revision ${decided}, which ${heard} PDPs had put in place; edited again`);
  const onProgress = sayEvery(count, 'PDPs back');
  const back = await fleet.until('every PDP to be back', ({ welcomedAt = 0 }) => welcomedAt > cutAt, {
    timeoutMs: 2 * PATIENCE_MS,
    onProgress,
  });
  const backAfter = back.map(({ welcomedAt = Number.NaN }) => welcomedAt - cutAt);
  const last = await untilDecided(site, decided, PATIENCE_MS);
  await untilCompleted(site, last, PATIENCE_MS);
  const completedAfter = epochMs() - cutAt;
  const pdps = await fleet.until(`all to serve revision ${last}`, ({ active }) => active >= last, {
    timeoutMs: PATIENCE_MS,
  });
  await stop();
  const missed = pdps.filter(({ moments }) => moments[decided]?.active === undefined && !moments[last]?.active).length;
  const wrong = pdps.filter(({ wentBack, nacks }) => wentBack || nacks.length > 0).length;
  const peak = (next.peakBytes() - restingBefore) / count / 1000;
  printTable(`the leader is killed, ${count} streams cut`, [
    {
      'back p50': seconds(quantile(backAfter, 0.5)),
      p99: seconds(quantile(backAfter, 0.99)),
      all: seconds(Math.max(...backAfter)),
      dials: String(dialsOf(pdps) - dialsBefore),
      'the edit in between Completed': seconds(completedAfter),
      'peak memory of the next leader': megabytes(next.peakBytes()),
      'above rest, per PDP': `${peak.toFixed(0)} kB`,
    },
  ]);
  verdicts.atMost('all back after the leader was killed', Math.max(...backAfter) / 1000, 30, 's');
  verdicts.atMost('peak memory of the next leader per PDP', peak, STORM_PEAK_KB, 'kB');
  verdicts.atMost('PDPs that missed a commit', missed, 0, '');
  verdicts.atMost('PDPs that went back or refused', wrong, 0, '');
}

function dialsOf(pdps: readonly { readonly dials: number }[]): number {
  return pdps.reduce((sum, { dials }) => sum + dials, 0);
}

async function profiled(replica: Replica, part: string): Promise<() => Promise<void>> {
  const { profile } = options;
  return profile === undefined ? () => Promise.resolve() : replica.profile(`${profile}/${part}.cpuprofile`);
}

/** Says how far something is, at each tenth. */
function sayEvery(count: number, what: string): (done: number) => void {
  let said = 0;
  return (done) => {
    const tenths = Math.floor((10 * done) / count);
    if (tenths <= said) return;
    said = tenths;
    say(`${done} ${what}`);
  };
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function kilobytes(value: number): string {
  return `${value.toFixed(1)} kB`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
