import { readFile, symlink } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { dump, load } from 'js-yaml';
import { systemClock, type Operator } from '@edict/operator';
import type { PdpList, SetDetail } from '@edict/operator/views';
import { temporaryFolder, type Outcome } from '../../cli/src/testing/run-edict.ts';
import { MAIN, spawnEdict } from '../../cli/src/testing/running-edict.ts';
import {
  startConsole,
  type ConsoleFixture,
  type EventClient,
} from '../../operator/src/console/testing/console-fixture.ts';
import { createKubeAccess, RIGHT_TTL_MS } from '../../operator/src/kube/console-access.ts';
import { connectPdp, regoPermitting, startOperator, type ConnectedPdp } from '../../operator/src/testing/fixtures.ts';
import { waitFor } from '../support/wait-for.ts';
import { connectCluster, type Cluster } from './cluster.ts';
import { sharedKubeconfig } from './environment.ts';

/** The console and the plugin with users of a real apiserver: who may read, who may approve, who may nothing. */
let cluster: Cluster;
let namespace: string;
let operator: Operator;
let pdps: readonly ConnectedPdp[] = [];
let fixture: ConsoleFixture;
let tokens: Readonly<Record<'reader' | 'approver' | 'owner' | 'nobody', string>>;
const clients: EventClient[] = [];

const READ = [
  { apiGroups: ['edict.dev'], resources: ['policysets', 'policyrevisions', 'policydomains'], verbs: ['get', 'list'] },
];
const APPROVE = [...READ, { apiGroups: ['edict.dev'], resources: ['policyrevisions'], verbs: ['update', 'patch'] }];
const OWN = [...APPROVE, { apiGroups: ['edict.dev'], resources: ['policysets'], verbs: ['update', 'patch'] }];

beforeAll(async () => {
  cluster = await connectCluster(sharedKubeconfig());
});
afterAll(() => cluster.close());
beforeEach(async () => {
  namespace = await cluster.namespace();
  ({ operator } = await startOperator(cluster.store));
  pdps = [0, 1].map((index) => connectPdp(operator, `${namespace}/default`, index, {}, namespace));
  const access = createKubeAccess({ client: cluster.client, clock: systemClock });
  fixture = await startConsole({}, { operator, store: cluster.store }, { access });
  const [reader, approver, owner, nobody] = await Promise.all([
    user('reader', READ),
    user('approver', APPROVE),
    user('owner', OWN),
    user('nobody', []),
  ]);
  tokens = { reader, approver, owner, nobody };
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await fixture.server.close();
  for (const { client } of pdps) await client.close();
  await operator.stop();
});

const post = async (path: string, body: object): Promise<unknown> =>
  await cluster.client.request({ method: 'POST', path, body });

/** A service account with these rights in the namespace; its token. */
async function user(name: string, rules: readonly object[]): Promise<string> {
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const metadata = { name };
  await post(accounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  if (rules.length > 0) {
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    await post(`${rbac}/roles`, { apiVersion, kind: 'Role', metadata, rules });
    await post(`${rbac}/rolebindings`, {
      apiVersion,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    });
  }
  const answer = (await post(`${accounts}/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  })) as { readonly status: { readonly token: string } };
  return answer.status.token;
}

const nameOf = (account: string): string => `system:serviceaccount:${namespace}:${account}`;
const set = (): string => `/api/v1/sets/${namespace}/default`;

async function apply(who: string): Promise<void> {
  const spec = {
    policies: [{ mrn: 'mrn:policy:main', name: 'main', rego: regoPermitting(who) }],
    operations: [{ name: 'all', selector: ['.*'], policy: 'mrn:policy:main' }],
  };
  const metadata = { namespace, name: 'shop' };
  await cluster.store.apply<'PolicyDomain'>(
    { apiVersion: 'edict.dev/v1beta1', kind: 'PolicyDomain', metadata, spec },
    { fieldManager: 'user', force: true },
  );
}

async function until(what: string, holds: (detail: SetDetail) => boolean): Promise<void> {
  await waitFor(what, async () => {
    const { status, body } = await fixture.ask(tokens.reader, set());
    return status === 200 && holds(body as SetDetail);
  });
}

/** Every wave waits for somebody. */
async function demandApproval(): Promise<void> {
  await cluster.store.apply<'PolicySet'>(
    {
      apiVersion: 'edict.dev/v1beta1',
      kind: 'PolicySet',
      metadata: { namespace, name: 'default' },
      spec: { rollout: { approval: 'Required' } },
    },
    { fieldManager: 'user', force: true },
  );
}

/** The plugin as one of the users runs it. */
async function kubectlEdict(token: string, ...args: readonly string[]): Promise<Outcome> {
  await using folder = await temporaryFolder();
  await symlink(MAIN, folder.path('kubectl-edict'));
  const admin = load(await readFile(sharedKubeconfig(), 'utf8')) as {
    readonly contexts: readonly [{ readonly name: string; readonly context: { readonly cluster: string } }];
  };
  const [{ context }] = admin.contexts;
  const own = {
    ...admin,
    users: [{ name: 'me', user: { token } }],
    contexts: [{ name: 'me', context: { cluster: context.cluster, user: 'me' } }],
    'current-context': 'me',
  };
  const kubeconfig = await folder.write('kubeconfig', dump(own));
  return await spawnEdict([...args, '-n', namespace, '--kubeconfig', kubeconfig], folder.path('kubectl-edict'));
}

test('the console lets each user see and do what RBAC says, and writes down who did it', async () => {
  await apply('ann');
  await until('revision 1 is completed', ({ summary }) => summary.committed === 1 && summary.ready.status === 'True');
  await demandApproval();
  await apply('bob');
  await until('revision 2 waits', ({ summary }) => summary.phase === 'AwaitingApproval');

  expect((await fixture.ask('forged', '/api/v1/whoami')).status).toBe(401);
  expect((await fixture.ask(tokens.nobody, '/api/v1/whoami')).body).toMatchObject({
    user: nameOf('nobody'),
    by: 'Token',
  });
  expect((await fixture.ask(tokens.nobody, set())).status).toBe(403);
  expect((await fixture.ask(tokens.reader, '/api/v1/sets')).body).toMatchObject({
    sets: [{ namespace, name: 'default' }],
  });
  const pdpList = (await fixture.ask(tokens.reader, `${set()}/pdps`)).body as PdpList;
  expect(pdpList).toMatchObject({ total: 2, byState: { Prepared: 2 } });
  const detail = (await fixture.ask(tokens.approver, set())).body as SetDetail;
  expect(detail.actions.filter(({ isAllowed }) => isAllowed).map(({ action }) => action)).toEqual(['approve', 'abort']);

  expect((await fixture.act(tokens.reader, `${set()}/actions/approve`, {})).status).toBe(403);
  expect((await fixture.act(tokens.approver, `${set()}/actions/pause`, {})).status).toBe(403);
  expect(await fixture.act(tokens.approver, `${set()}/actions/approve`, { revision: 2 })).toMatchObject({
    status: 200,
    body: { by: nameOf('approver') },
  });
  await until('revision 2 is completed', ({ summary }) => summary.committed === 2 && summary.phase === 'Completed');
  const stored = await cluster.store.get('PolicyRevision', { namespace, name: 'default-2' });
  expect(stored?.metadata.annotations).toMatchObject({ 'edict.dev/approved-by': nameOf('approver') });

  expect((await fixture.act(tokens.owner, `${set()}/actions/undo`, { reason: 'locked out' })).status).toBe(200);
  await until('revision 3 is completed', ({ summary }) => summary.committed === 3 && summary.phase === 'Completed');
  expect((await fixture.ask(tokens.reader, `${set()}/revisions/3`)).body).toMatchObject({
    summary: { reason: 'Rollback', rollbackOf: 1, by: nameOf('owner'), why: 'locked out' },
  });
});

test('a right that is taken away is gone within seconds, for streams too', async () => {
  await apply('ann');
  await until('revision 1 is completed', ({ summary }) => summary.committed === 1);
  const client = await fixture.events(tokens.reader);
  clients.push(client);
  await waitFor('the first picture', () => Promise.resolve(client.seen.some(({ type }) => type === 'set')));
  const binding = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings/reader`;
  await cluster.client.request({ method: 'DELETE', path: binding });
  await waitFor('the set is out of reach', async () => (await fixture.ask(tokens.reader, set())).status === 403, {
    timeoutMs: RIGHT_TTL_MS + 60_000,
  });
  await waitFor('the stream says that it is gone', () =>
    Promise.resolve(client.seen.some(({ type }) => type === 'removed')),
  );
});

test('the plugin acts in the name of its user, and says who may not', async () => {
  await apply('ann');
  await until('revision 1 is completed', ({ summary }) => summary.committed === 1 && summary.ready.status === 'True');
  await demandApproval();
  await apply('bob');
  await until('revision 2 waits', ({ summary }) => summary.phase === 'AwaitingApproval');

  const shown = await kubectlEdict(tokens.reader, 'rollout', 'status', '--no-watch');
  expect(shown.stdout).toMatch(/^default@2 {2}AwaitingApproval .*\n {2}held: .* \(ApprovalRequired\)\n/);
  const refused = await kubectlEdict(tokens.reader, 'rollout', 'approve');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(new RegExp(`cannot approve default: .*"${nameOf('reader')}" cannot patch`));
  expect((await kubectlEdict(tokens.nobody, 'rollout', 'status')).stderr).toMatch(
    /^error: policysets: .*cannot list.*\npolicyrevisions: .*cannot list.*\npolicydomains: .*cannot list.*\n$/,
  );

  expect(await kubectlEdict(tokens.approver, 'rollout', 'approve')).toMatchObject({
    code: 0,
    stdout: 'wave 1 of revision 2 is approved; watch it: kubectl edict rollout status default\n',
  });
  await until('revision 2 is completed', ({ summary }) => summary.committed === 2 && summary.phase === 'Completed');
  await apply('carol');
  await until('revision 3 waits', ({ summary }) => summary.desired === 3 && summary.phase === 'AwaitingApproval');
  expect(await kubectlEdict(tokens.approver, 'rollout', 'abort', '--reason', 'not today')).toMatchObject({ code: 0 });
  await until('revision 3 is ended', ({ summary }) => summary.phase === 'Aborted');
  const ended = await cluster.store.get('PolicyRevision', { namespace, name: 'default-3' });
  expect(ended?.status?.cause).toBe(`User: not today (${nameOf('approver')})`);

  expect(await kubectlEdict(tokens.owner, 'rollout', 'undo', '--now', '--reason', 'audit')).toMatchObject({ code: 0 });
  await until('revision 4 is completed', ({ summary }) => summary.committed === 4 && summary.phase === 'Completed');
  const history = await kubectlEdict(tokens.reader, 'history');
  expect(history.stdout).toMatch(new RegExp(`\\n4 \\* +Completed +Emergency to 1 .* ${nameOf('owner')} +audit\\n`));
  const changes = await kubectlEdict(tokens.owner, 'diff', '1', '2');
  expect(changes.stderr).toMatch(/policybundle .*cannot get/);
});
