import { connect, constants, type ClientHttp2Stream } from 'node:http2';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '../clock.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import { createAuthority, createFolder, type TestAuthority } from '../testing/certificates.ts';
import { until } from '../testing/conditions.ts';
import { FollowerTunnel, type CarriedEnd } from '../tunnel/follower-tunnel.ts';
import { LeaderTunnels } from '../tunnel/leader-tunnels.ts';
import { TUNNEL_WINDOW_BYTES } from '../tunnel/tunnel-end.ts';
import { encodePdpMessage } from '../wire/codec.ts';
import { FRESH_HELLO } from '../testing/builders.ts';
import type { AcceptStream } from './accept.ts';
import { dialGrpc, dialTunnel } from './grpc-client.ts';
import { frameOf } from './grpc-frames.ts';
import { serveGrpc, type GrpcServer, type GrpcServerOptions } from './grpc-server.ts';
import { CONNECT_PATH, CONTENT_TYPE } from './grpc-service.ts';
import { PeerError } from './peer-error.ts';
import type { MessageStream, StreamClose } from './stream.ts';

const log = { info: () => undefined, warn: () => undefined };
const RETRY_MS = 321;
const hello: PdpMessage = FRESH_HELLO;
const welcome: OperatorMessage = {
  type: 'Welcome',
  replica: 'operator-0',
  sets: ['default/payments'],
  heartbeatMs: 2000,
  artifactsUrl: '',
};

let authority: TestAuthority;
let folder: Awaited<ReturnType<typeof createFolder>>;
let caFile = '';
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  authority = await createAuthority('test authority');
  folder = await createFolder();
  caFile = await folder.write('ca.pem', authority.caPem);
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => folder.remove());

function identityOf(token: string): PeerIdentity {
  return { nodeId: `uid-${token}`, podName: token, namespace: 'default', serviceAccount: 'pdp', sets: [] };
}

/** Tokens of PDPs begin with `pdp-`, those of replicas with `operator-`; neither is taken for the other. */
function judge(kind: 'pdp' | 'operator'): (token: string) => Promise<PeerIdentity> {
  return (token) =>
    token.startsWith(`${kind}-`)
      ? Promise.resolve(identityOf(token))
      : Promise.reject(new PeerError('InvalidToken', `${token} is no ${kind}`));
}

/** One stream at the leader, as its distribution has it. */
interface Served {
  readonly identity: PeerIdentity;
  readonly stream: MessageStream<OperatorMessage>;
  readonly messages: PdpMessage[];
  readonly closes: StreamClose[];
  drains: number;
}

async function serve(options: Pick<GrpcServerOptions, 'acceptor' | 'carrier' | 'tunnels'>): Promise<GrpcServer> {
  const issued = await authority.issue('02');
  const server = await serveGrpc({
    host: '127.0.0.1',
    port: 0,
    certificate: { current: () => issued, onChange: () => () => undefined },
    authenticate: judge('pdp'),
    notLeaderRetryMs: () => RETRY_MS,
    log,
    ...options,
  });
  closing.push(() => server.close());
  return server;
}

interface Leader {
  readonly port: number;
  readonly tunnels: LeaderTunnels;
  readonly served: Map<string, Served>;
  readonly stop: () => Promise<void>;
}

async function startLeader(admit: (identity: PeerIdentity) => void = () => undefined): Promise<Leader> {
  const served = new Map<string, Served>();
  const accept: AcceptStream = (identity, stream) => {
    const one: Served = { identity, stream, messages: [], closes: [], drains: 0 };
    served.set(identity.podName, one);
    return {
      onOpen: () => undefined,
      onMessage: (message) => {
        one.messages.push(message);
        if (message.type === 'Hello') stream.send(welcome);
      },
      onDrain: () => {
        one.drains += 1;
      },
      onClose: (close) => {
        one.closes.push(close);
      },
    };
  };
  const ticketKey = new Uint8Array(32).fill(7);
  const tunnels = new LeaderTunnels({
    replica: 'operator-0',
    ticketKey,
    accept: () => accept,
    admit,
    clock: systemClock,
    log,
  });
  const server = await serve({
    acceptor: () => accept,
    tunnels: { authenticate: judge('operator'), acceptor: () => tunnels.accept },
  });
  return { port: server.port, tunnels, served, stop: () => server.close() };
}

/** A PDP's stream at the leader, which has to be there by now: what is sent to nobody would be waited for in vain. */
function servedAt(leader: Leader, podName: string): Served {
  const served = leader.served.get(podName);
  if (served === undefined) throw new Error(`${podName} is not at the leader`);
  return served;
}

interface Follower {
  readonly port: number;
  readonly tunnel: () => FollowerTunnel;
  readonly ended: CarriedEnd[];
  readonly closes: StreamClose[];
}

/** A follower with a tunnel that is up, unless it is refused. */
async function startFollower(leaderPort: number, token = 'operator-1'): Promise<Follower> {
  const ended: CarriedEnd[] = [];
  const closes: StreamClose[] = [];
  const dial = dialTunnel({
    address: `127.0.0.1:${leaderPort}`,
    ca: authority.caPem,
    serverName: 'localhost',
    tokenFile: await folder.write(`token-${token}`, token),
    clock: systemClock,
  });
  const up = Promise.withResolvers<undefined>();
  const tunnel = new FollowerTunnel({
    dial,
    clock: systemClock,
    retryAfterMs: () => RETRY_MS,
    onReady: ({ ticketKey }) => {
      expect(ticketKey).toEqual(Buffer.alloc(32, 7));
      up.resolve(undefined);
    },
    onClose: (close) => {
      closes.push(close);
      up.resolve(undefined);
    },
    onStreamEnded: (why) => ended.push(why),
  });
  closing.push(() => {
    tunnel.close('the test is over');
  });
  await up.promise;
  const server = await serve({ acceptor: () => undefined, carrier: () => tunnel.accept });
  return { port: server.port, tunnel: () => tunnel, ended, closes };
}

interface Pdp {
  readonly stream: MessageStream<PdpMessage>;
  readonly messages: OperatorMessage[];
  readonly closed: Promise<StreamClose>;
}

async function startPdp(port: number, token: string): Promise<Pdp> {
  const messages: OperatorMessage[] = [];
  const closed = Promise.withResolvers<StreamClose>();
  const stream = dialGrpc({
    address: `127.0.0.1:${port}`,
    caFile,
    tokenFile: await folder.write(`token-${token}`, token),
    serverName: 'localhost',
    clock: systemClock,
  })({
    onOpen: () => {
      stream.send(hello);
    },
    onMessage: (message) => messages.push(message),
    onDrain: () => undefined,
    onClose: closed.resolve,
  });
  closing.push(() => {
    stream.close({ code: 'Closed', reason: 'the test is over' });
  });
  return { stream, messages, closed: closed.promise };
}

test('a PDP that dials a follower is at the leader as if it had dialled that, by its own name', async () => {
  const leader = await startLeader();
  const follower = await startFollower(leader.port);
  const pdp = await startPdp(follower.port, 'pdp-1');
  await until(() => pdp.messages.length === 1);
  expect(pdp.messages).toEqual([welcome]);
  const served = leader.served.get('pdp-1');
  expect(served?.identity).toEqual(identityOf('pdp-1'));
  expect(served?.messages).toEqual([hello]);
  expect([leader.tunnels.size, leader.tunnels.streams, follower.tunnel().size]).toEqual([1, 1, 1]);
});

test('whichever side ends a stream, the other learns of it once, with the reason', async () => {
  const leader = await startLeader();
  const follower = await startFollower(leader.port);
  const [first, second] = [await startPdp(follower.port, 'pdp-1'), await startPdp(follower.port, 'pdp-2')];
  await until(() => leader.served.size === 2);
  first.stream.close({ code: 'Closed', reason: 'bye' });
  await until(() => leader.served.get('pdp-1')?.closes.length === 1);
  expect(leader.served.get('pdp-1')?.closes).toMatchObject([{ code: 'Closed' }]);
  servedAt(leader, 'pdp-2').stream.close({ code: 'Protocol', reason: 'no Hello', retryAfterMs: 77 });
  expect(await second.closed).toMatchObject({ code: 'Protocol', reason: 'no Hello', retryAfterMs: 77 });
  await until(() => follower.tunnel().size === 0);
  expect(leader.served.get('pdp-2')?.closes).toHaveLength(1);
  expect(follower.ended).toEqual([]);
});

test('when the leader goes, every PDP at the follower is told when to come back, and the follower takes no more', async () => {
  const leader = await startLeader();
  const follower = await startFollower(leader.port);
  const pdps = await Promise.all(['pdp-1', 'pdp-2', 'pdp-3'].map((name) => startPdp(follower.port, name)));
  await until(() => leader.served.size === 3);
  await leader.stop();
  for (const { closed } of pdps) expect(await closed).toMatchObject({ code: 'Unavailable', retryAfterMs: RETRY_MS });
  expect(follower.ended).toEqual(['cut', 'cut', 'cut']);
  expect(follower.closes).toHaveLength(1);
  const late = await startPdp(follower.port, 'pdp-4');
  expect(await late.closed).toMatchObject({ code: 'Unavailable', reason: 'not leader', retryAfterMs: RETRY_MS });
});

test('when the follower goes, the leader loses its PDPs, and no others', async () => {
  const leader = await startLeader();
  const follower = await startFollower(leader.port);
  await startPdp(follower.port, 'pdp-1');
  const direct = await startPdp(leader.port, 'pdp-2');
  await until(() => leader.served.size === 2);
  follower.tunnel().close('it stops');
  await until(() => leader.served.get('pdp-1')?.closes.length === 1);
  expect(leader.served.get('pdp-1')?.closes).toMatchObject([{ code: 'Unavailable' }]);
  await until(() => leader.tunnels.size === 0);
  servedAt(leader, 'pdp-2').stream.send({ ...welcome, replica: 'still here' });
  await until(() => direct.messages.length === 2);
});

test.each([
  ['of a PDP', 'pdp-1'],
  ['of nobody', 'stranger'],
])('the tunnel of one who has a token %s is refused, and nothing of it is heard', async (_whose, token) => {
  const leader = await startLeader();
  const follower = await startFollower(leader.port, token);
  expect(follower.closes).toMatchObject([{ code: 'Unauthenticated', reason: `${token} is no operator` }]);
  expect(follower.tunnel().accept).toBeUndefined();
  expect([leader.tunnels.size, leader.served.size]).toEqual([0, 0]);
});

test('a replica that takes no tunnels has no such method', async () => {
  const server = await serve({ acceptor: () => () => ({ onOpen() {}, onMessage() {}, onDrain() {}, onClose() {} }) });
  const follower = await startFollower(server.port);
  expect(follower.closes).toMatchObject([{ code: 'Unavailable', reason: 'there is no such method' }]);
});

test('a PDP whom the leader does not know is refused there, whatever the follower says, and the tunnel lives on', async () => {
  const leader = await startLeader(({ podName }) => {
    if (podName === 'pdp-9') throw new PeerError('UnknownPeer', 'pdp-9 is not known here');
  });
  const follower = await startFollower(leader.port);
  const unknown = await startPdp(follower.port, 'pdp-9');
  expect(await unknown.closed).toMatchObject({ code: 'Unauthenticated', reason: 'pdp-9 is not known here' });
  const known = await startPdp(follower.port, 'pdp-1');
  await until(() => known.messages.length === 1);
  expect([...leader.served.keys()]).toEqual(['pdp-1']);
});

test('bytes that are no message end the stream of the PDP that sends them, and no other', async () => {
  const leader = await startLeader();
  const follower = await startFollower(leader.port);
  const good = await startPdp(follower.port, 'pdp-1');
  await until(() => good.messages.length === 1);
  const { stream: bad } = rawPdp(follower.port, 'pdp-2');
  bad.write(frameOf(Buffer.from([0xff, 0xff, 0xff])));
  await until(() => leader.served.get('pdp-2')?.closes.length === 1);
  expect(servedAt(leader, 'pdp-2').closes).toMatchObject([{ code: 'Protocol' }]);
  servedAt(leader, 'pdp-1').stream.send(welcome);
  await until(() => good.messages.length === 2);
});

test('a PDP that reads nothing holds up nobody: its leader is told to wait, the others go on, and it gets the rest when it reads', async () => {
  const leader = await startLeader();
  const follower = await startFollower(leader.port);
  const good = await startPdp(follower.port, 'pdp-1');
  await until(() => good.messages.length === 1);
  const { stream: slow } = rawPdp(follower.port, 'pdp-2');
  slow.pause();
  slow.write(frameOf(Buffer.from(encodePdpMessage(hello))));
  const stalled = await until(() => leader.served.get('pdp-2'));
  await until(() => stalled.messages.length === 1);
  const large: OperatorMessage = { ...welcome, replica: 'x'.repeat(200), artifactsUrl: 'y'.repeat(1_800) };
  let sent = 0;
  // Its own HTTP/2 window, and one of the tunnel, are all that is let out.
  while (stalled.stream.send(large) && sent < 1_000) {
    sent += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(sent * 2_000).toBeLessThan(65_535 + TUNNEL_WINDOW_BYTES + 65_536);
  expect(follower.tunnel().waitingBytes.fromTunnel).toBeGreaterThan(0);
  const other = servedAt(leader, 'pdp-1');
  const before = good.messages.length;
  for (let n = 0; n < 500; n += 1) other.stream.send(large);
  await until(() => good.messages.length === before + 500);
  expect(stalled.drains).toBe(0);
  slow.resume();
  await until(() => stalled.drains > 0);
  await until(() => follower.tunnel().waitingBytes.fromTunnel === 0);
  expect(follower.ended).toEqual([]);
});

test('a follower that stops asks its PDPs to leave, a share at a time', async () => {
  const leader = await startLeader();
  const follower = await startFollower(leader.port);
  const pdps = await Promise.all(['pdp-1', 'pdp-2', 'pdp-3'].map((name) => startPdp(follower.port, name)));
  await until(() => pdps.every(({ messages }) => messages.length === 1));
  follower.tunnel().sendAway(2, 'the operator is shutting down', () => 99.5);
  const asked = { type: 'Reconnect', afterMs: 100, reason: 'the operator is shutting down' };
  await until(() => pdps.filter(({ messages }) => messages.length === 2).length === 2);
  expect(pdps.map(({ messages }) => messages[1]).filter((message) => message !== undefined)).toEqual([asked, asked]);
});

test('a leader that stops ends its tunnels and takes none any more', async () => {
  const leader = await startLeader();
  const follower = await startFollower(leader.port);
  const pdp = await startPdp(follower.port, 'pdp-1');
  await until(() => leader.served.size === 1);
  leader.tunnels.close('the operator is shutting down');
  expect(await pdp.closed).toMatchObject({ code: 'Unavailable', retryAfterMs: RETRY_MS });
  const again = await startFollower(leader.port);
  expect(again.closes).toMatchObject([{ code: 'Unavailable', reason: 'not leader' }]);
});

/** A PDP's stream whose reading the test has in its hand. */
function rawPdp(port: number, token: string): { stream: ClientHttp2Stream } {
  const session = connect(`https://127.0.0.1:${port}`, { ca: authority.caPem, servername: 'localhost' });
  const stream = session.request({
    ':method': 'POST',
    ':path': CONNECT_PATH,
    'content-type': CONTENT_TYPE,
    te: 'trailers',
    authorization: `Bearer ${token}`,
  });
  stream.on('error', () => undefined);
  closing.push(() => {
    stream.close(constants.NGHTTP2_CANCEL);
    session.destroy();
  });
  return { stream };
}
