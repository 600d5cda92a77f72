import { expect, test } from '@jest/globals';
import type { Clock } from '../clock.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import { VirtualTime } from '../simulator/virtual-time.ts';
import type { MessageStream, StreamClose, StreamHandlers } from '../transport/stream.ts';
import { FollowerTunnel, type CarriedEnd } from './follower-tunnel.ts';
import type { TunnelFrame } from './frames.ts';
import { TUNNEL_UNTAKEN_MAX_BYTES, TUNNEL_WAITING_MAX_BYTES } from './tunnel-end.ts';
import { TUNNEL_ALIVE_MS, TUNNEL_SILENCE_MS } from './tunnel-port.ts';

const peer: PeerIdentity = {
  nodeId: 'uid-1',
  podName: 'pdp-1',
  namespace: 'default',
  serviceAccount: 'pdp',
  sets: [],
};

/** A tunnel whose leader is the test: what was written, and the hand on everything that comes. */
function setUp() {
  const time = new VirtualTime();
  const clock: Clock = {
    now: () => time.now,
    monotonic: () => time.now,
    schedule: (delayMs, task) => time.after(delayMs, task),
  };
  const written: TunnelFrame[] = [];
  const closes: StreamClose[] = [];
  const ended: CarriedEnd[] = [];
  const link = { hasRoom: true, close: undefined as StreamClose | undefined };
  let handlers: StreamHandlers<TunnelFrame> | undefined;
  const tunnel = new FollowerTunnel({
    dial: (own) => {
      handlers = own;
      return {
        send: (frame) => {
          written.push(frame);
          return link.hasRoom;
        },
        close: (close) => {
          link.close = close;
        },
      };
    },
    clock,
    retryAfterMs: () => 500,
    onReady: () => undefined,
    onClose: (close) => closes.push(close),
    onStreamEnded: (why) => ended.push(why),
  });
  const run = (ms: number): void => {
    const until = time.now + ms;
    while (time.next(until));
  };
  if (handlers === undefined) throw new Error('nobody was dialled');
  return { tunnel, leader: handlers, written, closes, ended, link, run };
}

function connected() {
  const set = setUp();
  set.leader.onOpen();
  set.leader.onMessage({ type: 'Ready', replica: 'operator-0', ticketKey: new Uint8Array(32) });
  return set;
}

/** A PDP's stream that the follower has accepted. */
function dial({ tunnel }: ReturnType<typeof setUp>, reads = true) {
  const got: Uint8Array[] = [];
  const closes: StreamClose[] = [];
  const stream: MessageStream<Uint8Array> = {
    send: (bytes) => {
      got.push(bytes);
      return reads;
    },
    close: (close) => closes.push(close),
  };
  const handlers = tunnel.accept?.(peer, stream);
  if (handlers === undefined) throw new Error('nobody is taken');
  handlers.onOpen();
  return { handlers, got, closes };
}

test('nobody is taken before the leader has said that it is one, nor after the end', () => {
  const set = setUp();
  set.leader.onOpen();
  expect(set.tunnel.accept).toBeUndefined();
  set.leader.onMessage({ type: 'Ready', replica: 'operator-0', ticketKey: new Uint8Array(32) });
  expect(set.tunnel.accept).toBeDefined();
  set.tunnel.close('enough');
  expect(set.tunnel.accept).toBeUndefined();
  expect(set.closes).toEqual([{ code: 'Closed', reason: 'enough' }]);
});

test('a PDP whose stream opens when the tunnel has just ended is told when to come back', () => {
  const set = connected();
  const closes: StreamClose[] = [];
  const handlers = set.tunnel.accept?.(peer, { send: () => true, close: (close) => closes.push(close) });
  set.leader.onClose({ code: 'Unavailable', reason: 'gone' });
  handlers?.onOpen();
  expect(closes).toMatchObject([{ code: 'Unavailable', retryAfterMs: 500 }]);
});

test('a PDP that says more than the leader takes is sent away, at both ends, and the others stay', () => {
  const set = connected();
  const [flooding, quiet] = [dial(set), dial(set)];
  set.link.hasRoom = false;
  quiet.handlers.onMessage(new Uint8Array(10));
  for (let sent = 0; sent <= TUNNEL_WAITING_MAX_BYTES + 100_000; sent += 50_000) {
    flooding.handlers.onMessage(new Uint8Array(50_000));
  }
  expect(flooding.closes).toMatchObject([{ code: 'Unavailable', reason: 'more is said than the leader takes' }]);
  expect(set.ended).toEqual(['flooding']);
  expect([quiet.closes, set.tunnel.size]).toEqual([[], 1]);
  expect(set.tunnel.waitingBytes.toTunnel).toBeLessThan(TUNNEL_WAITING_MAX_BYTES + 200_000);
  set.link.hasRoom = true;
  set.leader.onDrain();
  expect(set.written.filter(({ type }) => type === 'Close')).toMatchObject([{ stream: 1 }]);
  expect(set.written.filter((frame) => frame.type === 'Message' && frame.stream === 2)).toHaveLength(1);
});

test('a PDP for whom more comes than it may be sent unread is sent away, at both ends', () => {
  const set = connected();
  const slow = dial(set, false);
  const bytes = new Uint8Array(500_000);
  for (let sent = 0; sent <= TUNNEL_UNTAKEN_MAX_BYTES; sent += bytes.length) {
    set.leader.onMessage({ type: 'Message', stream: 1, bytes });
  }
  expect(slow.closes).toMatchObject([{ code: 'Protocol' }]);
  expect(set.ended).toEqual(['unread']);
  expect(set.written.at(-1)).toMatchObject({ type: 'Close', stream: 1 });
  expect(set.tunnel.waitingBytes.fromTunnel).toBe(0);
});

test('what a PDP has not read is not taken, and is when it has', () => {
  const set = connected();
  const slow = dial(set, false);
  set.leader.onMessage({ type: 'Message', stream: 1, bytes: new Uint8Array(40_000) });
  expect(set.written.filter(({ type }) => type === 'Taken')).toEqual([]);
  slow.handlers.onDrain();
  expect(set.written.filter(({ type }) => type === 'Taken')).toMatchObject([{ stream: 1 }]);
  expect(slow.got).toHaveLength(1);
});

test('both say now and then that they are there; one that hears nothing gives the tunnel up', () => {
  const set = connected();
  const pdp = dial(set);
  set.run(2 * TUNNEL_ALIVE_MS);
  expect(set.written.filter(({ type }) => type === 'Alive')).toHaveLength(2);
  set.leader.onMessage({ type: 'Alive' });
  set.run(TUNNEL_SILENCE_MS - 1);
  expect(set.closes).toEqual([]);
  set.run(1);
  expect(set.closes).toMatchObject([{ code: 'Unavailable', reason: `nothing was heard for ${TUNNEL_SILENCE_MS} ms` }]);
  expect(set.link.close).toEqual(set.closes[0]);
  expect(pdp.closes).toMatchObject([{ code: 'Unavailable', retryAfterMs: 500 }]);
  expect(set.ended).toEqual(['cut']);
});

test('a leader that breaks the rules has its tunnel ended', () => {
  const set = connected();
  const pdp = dial(set);
  set.leader.onMessage({ type: 'Close', stream: 9, close: { code: 'Closed', reason: '' } });
  expect(set.link.close).toMatchObject({ code: 'Protocol' });
  expect(pdp.closes).toMatchObject([{ code: 'Unavailable', retryAfterMs: 500 }]);
  // Whatever comes afterwards is nobody's.
  set.leader.onMessage({ type: 'Message', stream: 1, bytes: new Uint8Array(1) });
  set.leader.onClose({ code: 'Unavailable', reason: 'gone' });
  expect([pdp.got, set.closes.length]).toEqual([[], 1]);
});
