import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { API_VERSION, PolicySetSpec, type PolicyRevision, type PolicySet } from '@edict/crds';
import { openFolderStore, systemClock, type Operator } from '@edict/operator';
import { sourceOf } from '../../operator/src/console/source.ts';
import { startConsoleServer } from '../../operator/src/console/server.ts';
import {
  aDomain,
  aLog,
  connectPdp,
  NAMESPACE,
  regoPermitting,
  startOperator,
  type ConnectedPdp,
} from '../../operator/src/testing/fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { openBreakableLine, type BreakableLine } from './breakable-line.ts';
import { builtPage } from './environment.ts';
import { createUsers, type Users } from './users.ts';

type Refusal = NonNullable<NonNullable<Parameters<typeof connectPdp>[3]>['refuse']>;

/** A running operator with its console, and PDPs. */
export interface Stage {
  /** Where a browser finds the page. */
  readonly url: string;
  readonly users: Users;
  readonly line: BreakableLine;
  /** Makes a set, and connects PDPs to it. */
  readonly createSet: (name: string, spec: object, pdps: number, refuse?: Refusal) => Promise<void>;
  /** Makes the domain of all sets; its first policy permits alice. */
  readonly createDomain: () => Promise<void>;
  /** Gives the domain a policy that permits `who`. */
  readonly edit: (who: string) => Promise<void>;
  readonly set: (name: string) => Promise<PolicySet>;
  readonly revision: (set: string, n: number) => Promise<PolicyRevision | undefined>;
  readonly untilPhase: (set: string, n: number, phase: string) => Promise<PolicyRevision>;
  /** Every PDP of the set serves revision `n`, or a later one. */
  readonly untilServed: (set: string, n: number) => Promise<void>;
  readonly pdps: ReadonlyMap<string, readonly ConnectedPdp[]>;
  readonly close: () => Promise<void>;
}

/** A busy machine delays heartbeats: nobody is taken for gone before a test notices. */
const HEARTBEAT_MS = 500;
const TUNING = { settleMs: 0, spreadMs: 0, heartbeatMs: HEARTBEAT_MS, goneAfterMs: 20_000 };

/** Starts all of it, empty: the store is a folder, the operator, its API, the page and the PDPs' clients are the real ones. */
export async function startStage(): Promise<Stage> {
  const folder = await mkdtemp(path.join(tmpdir(), 'edict-browser-'));
  const store = await openFolderStore({
    folder,
    namespace: NAMESPACE,
    clock: systemClock,
    onProblems: () => undefined,
    rescanMs: 60_000,
  });
  const events = { emit: () => undefined };
  const { operator } = await startOperator(store, { events, tuning: TUNING });
  const users = createUsers();
  const source = sourceOf(operator, { store, events });
  const console = await startConsoleServer({
    host: '127.0.0.1',
    port: 0,
    access: users.access,
    source: () => source,
    leader: () => 'operator-0',
    replica: 'operator-0',
    version: '0.1.0',
    clock: systemClock,
    log: aLog(),
    page: builtPage(),
  });
  const line = await openBreakableLine(console.port);
  const pdps = new Map<string, ConnectedPdp[]>();
  const revision: Stage['revision'] = (set, n) =>
    store.get('PolicyRevision', { namespace: NAMESPACE, name: `${set}-${n}` });
  const stage: Stage = {
    url: `http://127.0.0.1:${line.port}/`,
    users,
    line,
    pdps,
    createSet: async (name, spec, count, refuse) => {
      const metadata = { namespace: NAMESPACE, name };
      await store.create({ apiVersion: API_VERSION, kind: 'PolicySet', metadata, spec: PolicySetSpec.parse(spec) });
      pdps.set(name, connect(operator, name, count, refuse));
    },
    createDomain: async () => {
      await store.create(aDomain('orders'));
    },
    edit: (who) =>
      waitFor('the domain is edited', async () => {
        const domain = await store.get('PolicyDomain', { namespace: NAMESPACE, name: 'orders' });
        if (domain === undefined) throw new Error('there is no domain');
        const policies = [{ mrn: 'mrn:policy:main', name: 'main', rego: regoPermitting(who) }];
        // The operator writes the domain, too: a conflict is tried again.
        await store.update({ ...domain, spec: { ...domain.spec, policies } });
        return true;
      }).then(() => undefined),
    set: async (name) => {
      const found = await store.get('PolicySet', { namespace: NAMESPACE, name });
      if (found === undefined) throw new Error(`there is no set ${name}`);
      return found;
    },
    revision,
    untilPhase: (set, n, phase) =>
      waitFor(`revision ${n} of ${set} is ${phase}`, async () => {
        const found = await revision(set, n);
        return found?.status?.phase === phase ? found : undefined;
      }),
    untilServed: (set, n) =>
      waitFor(`revision ${n} of ${set} is served`, () => (pdps.get(set) ?? []).every((pdp) => pdp.served() >= n)).then(
        () => undefined,
      ),
    close: async () => {
      await line.close();
      await console.close();
      for (const connected of pdps.values()) for (const { client } of connected) await client.close();
      await operator.stop();
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
  return stage;
}

let connected = 0;

/** Each PDP is one pod, whatever set it serves. */
function connect(operator: Operator, set: string, count: number, refuse: Refusal | undefined): ConnectedPdp[] {
  return Array.from({ length: count }, () => {
    connected += 1;
    return connectPdp(operator, `${NAMESPACE}/${set}`, connected, {
      heartbeatMs: HEARTBEAT_MS,
      ...(refuse === undefined ? {} : { refuse }),
    });
  });
}
