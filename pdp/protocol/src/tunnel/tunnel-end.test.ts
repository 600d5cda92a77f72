import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MESSAGE_MAX_BYTES } from '../limits.ts';
import type { PeerIdentity } from '../operator/identity.ts';
import type { StreamClose } from '../transport/stream.ts';
import { decodeTunnelFrame, encodeTunnelFrame } from '../wire/tunnel-frames.ts';
import type { StreamFrame } from './frames.ts';
import {
  TUNNEL_UNTAKEN_MAX_BYTES,
  TUNNEL_WAITING_MAX_BYTES,
  TUNNEL_WINDOW_BYTES,
  TunnelEnd,
  type TunnelNews,
} from './tunnel-end.ts';

const closed: StreamClose = { code: 'Closed', reason: 'done' };

function identity(n: number): PeerIdentity {
  return { nodeId: `uid-${n}`, podName: `pdp-${n}`, namespace: 'default', serviceAccount: 'pdp', sets: [] };
}

/** Bytes of one message, which name themselves. */
function message(label: number, size: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(4, size));
  new DataView(bytes.buffer).setUint32(0, label);
  return bytes;
}

const labelOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);

/** Everything that an end has to write. */
function written(end: TunnelEnd): StreamFrame[] {
  const frames: StreamFrame[] = [];
  for (let frame = end.next(); frame !== undefined; frame = end.next()) frames.push(frame);
  return frames;
}

/** Moves what both ends have to say until neither has anything, and answers what each heard. */
function settle(follower: TunnelEnd, leader: TunnelEnd): { atLeader: TunnelNews[]; atFollower: TunnelNews[] } {
  const atLeader: TunnelNews[] = [];
  const atFollower: TunnelNews[] = [];
  for (;;) {
    const up = written(follower);
    const down = written(leader);
    if (up.length + down.length === 0) return { atLeader, atFollower };
    atLeader.push(...up.flatMap((frame) => leader.receive(frame) ?? []));
    atFollower.push(...down.flatMap((frame) => follower.receive(frame) ?? []));
  }
}

function joined(streams: number): { follower: TunnelEnd; leader: TunnelEnd } {
  const follower = new TunnelEnd('follower');
  const leader = new TunnelEnd('leader');
  for (let n = 1; n <= streams; n += 1) expect(follower.open(identity(n))).toBe(n);
  settle(follower, leader);
  return { follower, leader };
}

test('a stream opens with its identity, carries messages both ways in order, and closes once', () => {
  const follower = new TunnelEnd('follower');
  const leader = new TunnelEnd('leader');
  const stream = follower.open(identity(7));
  follower.send(stream, message(1, 10));
  follower.send(stream, message(2, 10));
  expect(settle(follower, leader).atLeader).toMatchObject([
    { type: 'opened', stream, identity: identity(7) },
    { type: 'message', stream },
    { type: 'message', stream },
  ]);
  leader.send(stream, message(3, 10));
  leader.close(stream, closed);
  expect(settle(follower, leader).atFollower).toMatchObject([
    { type: 'message', stream },
    { type: 'closed', stream, close: closed, by: 'peer' },
  ]);
  expect([follower.size, leader.size]).toEqual([0, 0]);
});

test('a stream that ended before the leader was told of it is never told', () => {
  const { follower, leader } = joined(0);
  const stream = follower.open(identity(1));
  follower.send(stream, message(1, 10));
  follower.close(stream, closed);
  expect(settle(follower, leader)).toEqual({ atLeader: [], atFollower: [] });
  expect(follower.waitingBytes).toEqual({ toTunnel: 0, fromTunnel: 0 });
});

test('what is closed at both ends at one moment is closed, and nobody hears it twice', () => {
  const { follower, leader } = joined(1);
  follower.close(1, closed);
  leader.close(1, closed);
  expect(settle(follower, leader)).toEqual({ atLeader: [], atFollower: [] });
  expect([follower.size, leader.size]).toEqual([0, 0]);
});

test('the leader is told to wait when a window is full, and to go on when the PDP has read', () => {
  const { follower, leader } = joined(2);
  const size = TUNNEL_WINDOW_BYTES / 2;
  for (const label of [1, 2]) {
    leader.send(1, message(label, size));
    settle(follower, leader);
  }
  expect(leader.hasRoom(1)).toBe(false);
  expect(leader.nextWithRoom()).toBeUndefined();
  // The other stream has a window of its own.
  leader.send(2, message(3, size));
  expect(settle(follower, leader).atFollower).toMatchObject([{ type: 'message', stream: 2 }]);
  leader.send(1, message(4, 10));
  expect(settle(follower, leader).atFollower).toEqual([]);
  follower.taken(1);
  expect(settle(follower, leader).atFollower).toMatchObject([{ type: 'message', stream: 1 }]);
  expect([leader.nextWithRoom(), leader.nextWithRoom()]).toEqual([1, undefined]);
  expect(leader.hasRoom(1)).toBe(true);
});

test('streams take turns: who says much holds up nobody', () => {
  const { follower, leader } = joined(3);
  for (let label = 0; label < 50; label += 1) leader.send(1, message(label, 100));
  leader.send(2, message(1, 100));
  leader.send(3, message(1, 100));
  expect(written(leader).slice(0, 4)).toMatchObject([{ stream: 1 }, { stream: 2 }, { stream: 3 }, { stream: 1 }]);
  expect(follower.size).toBe(3);
});

test('a stream of which too much waits takes no more', () => {
  const { follower } = joined(2);
  const size = 1000;
  let taken = 0;
  while (follower.send(1, message(taken, size))) taken += 1;
  expect(taken * size).toBeGreaterThan(0.9 * TUNNEL_WAITING_MAX_BYTES);
  expect(taken * size).toBeLessThan(TUNNEL_WAITING_MAX_BYTES + 2 * size);
  expect(follower.send(2, message(0, size))).toBe(true);
});

test('empty messages count too', () => {
  const { follower } = joined(1);
  let taken = 0;
  while (follower.send(1, new Uint8Array())) taken += 1;
  expect(taken).toBeLessThan(TUNNEL_WAITING_MAX_BYTES / 8);
});

test('a message of the largest size goes alone', () => {
  const { follower, leader } = joined(1);
  leader.send(1, message(1, MESSAGE_MAX_BYTES));
  expect(settle(follower, leader).atFollower).toMatchObject([{ type: 'message' }]);
  leader.send(1, message(2, 10));
  expect(settle(follower, leader).atFollower).toEqual([]);
  follower.taken(1);
  expect(settle(follower, leader).atFollower).toMatchObject([{ type: 'message' }]);
});

test('an end keeps to no window: a PDP that reads nothing does not keep its stream open', () => {
  const { follower, leader } = joined(1);
  leader.send(1, message(1, TUNNEL_WINDOW_BYTES));
  leader.send(1, message(2, 10));
  settle(follower, leader);
  leader.close(1, closed);
  expect(settle(follower, leader).atFollower).toMatchObject([{ type: 'message' }, { type: 'closed' }]);
});

test('whoever sends more than the window allows has the stream closed, at both ends', () => {
  const { follower } = joined(1);
  const frame: StreamFrame = { type: 'Message', stream: 1, bytes: new Uint8Array(MESSAGE_MAX_BYTES) };
  expect(follower.receive(frame)).toMatchObject({ type: 'message' });
  expect(follower.receive(frame)).toMatchObject({ type: 'message' });
  expect(follower.waitingBytes.fromTunnel).toBeLessThanOrEqual(TUNNEL_UNTAKEN_MAX_BYTES);
  expect(follower.receive(frame)).toMatchObject({ type: 'closed', by: 'bound', close: { code: 'Protocol' } });
  expect(follower.receive(frame)).toBeUndefined();
  expect(written(follower)).toMatchObject([{ type: 'Close', stream: 1 }]);
});

test.each<[string, 'follower' | 'leader', StreamFrame[]]>([
  ['a number that was used', 'leader', [1, 1].map((n) => ({ type: 'Open', stream: n, identity: identity(n) }))],
  [
    'a number below one that was used',
    'leader',
    [2, 1].map((n) => ({ type: 'Open', stream: n, identity: identity(n) })),
  ],
  ['a stream that the leader opens', 'follower', [{ type: 'Open', stream: 1, identity: identity(1) }]],
  ['a message of a stream that was never opened', 'leader', [{ type: 'Message', stream: 9, bytes: new Uint8Array(1) }]],
  [
    'more taken than was sent',
    'leader',
    [
      { type: 'Open', stream: 1, identity: identity(1) },
      { type: 'Taken', stream: 1, bytes: 1 },
    ],
  ],
])('%s breaks the rules', (_name, side, frames) => {
  const end = new TunnelEnd(side);
  expect(() => {
    for (const frame of frames) end.receive(frame);
  }).toThrow(expect.objectContaining({ code: 'Protocol' }));
});

test('after a cut nothing is known any more, and whoever had a stream open is named once', () => {
  const { follower, leader } = joined(3);
  leader.send(1, message(1, 100));
  leader.close(2, closed);
  expect(leader.cut()).toEqual([1, 3]);
  expect([leader.cut(), leader.size, leader.next(), leader.waitingBytes.toTunnel]).toEqual([[], 0, undefined, 0]);
  expect(leader.send(1, message(2, 10))).toBe(true);
  expect(leader.hasRoom(1)).toBe(true);
  expect(follower.cut()).toEqual([1, 2, 3]);
});

/** Both ends, what is between them, and what was said: an independent account of what has to come out. */
class Model {
  readonly ends = { follower: new TunnelEnd('follower'), leader: new TunnelEnd('leader') };
  /** On the wire. */
  readonly wires = { follower: [] as Uint8Array[], leader: [] as Uint8Array[] };
  /** Said at one end and expected at the other, in order; `follower` is what the follower says. */
  readonly said = { follower: new Map<number, number[]>(), leader: new Map<number, number[]>() };
  readonly heard = { follower: new Map<number, number[]>(), leader: new Map<number, number[]>() };
  /** Streams that an end holds for open. */
  readonly open = { follower: new Set<number>(), leader: new Set<number>() };
  #label = 0;

  dial(): void {
    this.open.follower.add(this.ends.follower.open(identity(1)));
  }

  say(side: Side, pick: number, size: number): void {
    const stream = this.#pick(side, pick);
    if (stream === undefined) return;
    this.#label += 1;
    if (!this.ends[side].send(stream, message(this.#label, size))) {
      this.hangUp(side, pick);
      return;
    }
    listed(this.said[side], stream).push(this.#label);
  }

  hangUp(side: Side, pick: number): void {
    const stream = this.#pick(side, pick);
    if (stream === undefined) return;
    this.ends[side].close(stream, closed);
    this.open[side].delete(stream);
  }

  take(side: Side, pick: number): void {
    const stream = this.#pick(side, pick);
    if (stream !== undefined) this.ends[side].taken(stream);
  }

  write(side: Side, count: number): void {
    for (let left = count; left > 0; left -= 1) {
      const frame = this.ends[side].next();
      if (frame === undefined) return;
      this.wires[side].push(encodeTunnelFrame(frame));
    }
  }

  /** A frame of `side` arrives at the other. True if there was one. */
  carry(side: Side): boolean {
    const bytes = this.wires[side].shift();
    if (bytes === undefined) return false;
    const other = side === 'follower' ? 'leader' : 'follower';
    const frame = decodeTunnelFrame(bytes) as StreamFrame;
    const news = this.ends[other].receive(frame);
    if (news === undefined) return true;
    if (news.type === 'opened') {
      expect(this.open[other].has(news.stream)).toBe(false);
      this.open[other].add(news.stream);
      return true;
    }
    // Nothing is heard of a stream that is over, or that its owner has given up.
    expect(this.open[other].has(news.stream)).toBe(true);
    if (news.type === 'closed') {
      expect(news.by).toBe('peer');
      this.open[other].delete(news.stream);
    } else listed(this.heard[other], news.stream).push(labelOf(news.bytes));
    expect(this.ends[other].waitingBytes.fromTunnel).toBeGreaterThanOrEqual(0);
    return true;
  }

  #pick(side: Side, pick: number): number | undefined {
    return [...this.open[side]][pick % Math.max(1, this.open[side].size)];
  }
}

type Side = 'follower' | 'leader';

function listed(map: Map<number, number[]>, stream: number): number[] {
  const list = map.get(stream) ?? [];
  map.set(stream, list);
  return list;
}

const sides = fc.constantFrom<Side>('follower', 'leader');
const pick = fc.nat(20);
const acts = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.constant((model: Model) => model.dial()) },
    {
      weight: 8,
      arbitrary: fc.tuple(sides, pick, fc.oneof(fc.nat(100), fc.nat(3 * TUNNEL_WINDOW_BYTES))).map(
        ([side, which, size]) =>
          (model: Model) =>
            model.say(side, which, size),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(sides, pick).map(
        ([side, which]) =>
          (model: Model) =>
            model.hangUp(side, which),
      ),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(sides, pick).map(
        ([side, which]) =>
          (model: Model) =>
            model.take(side, which),
      ),
    },
    {
      weight: 6,
      arbitrary: fc.tuple(sides, fc.nat(5)).map(
        ([side, n]) =>
          (model: Model) =>
            model.write(side, n),
      ),
    },
    { weight: 8, arbitrary: sides.map((side) => (model: Model) => void model.carry(side)) },
  ),
  { maxLength: 120 },
);

test('whatever is said, closed and read in which order, each message of a stream that lives arrives once and in order', () => {
  fc.assert(
    fc.property(acts, fc.boolean(), (list, oneNeverReads) => {
      const model = new Model();
      for (const act of list) act(model);
      const slow = oneNeverReads ? [...model.open.follower][0] : undefined;
      // Both ends and everybody beyond them go on until nothing is left.
      for (let idle = 0; idle < 2;) {
        for (const side of ['follower', 'leader'] as const) {
          for (const stream of model.open[side])
            if (side === 'leader' || stream !== slow) model.ends[side].taken(stream);
          model.write(side, Infinity);
        }
        const moved = [model.carry('follower'), model.carry('leader')];
        idle = moved.includes(true) ? 0 : idle + 1;
      }
      expect([...model.open.leader].toSorted()).toEqual([...model.open.follower].toSorted());
      expect([model.ends.follower.size, model.ends.leader.size]).toEqual([
        model.open.follower.size,
        model.open.leader.size,
      ]);
      for (const [side, other] of [
        ['follower', 'leader'],
        ['leader', 'follower'],
      ] as const) {
        for (const [stream, labels] of model.heard[other]) {
          expect(listed(model.said[side], stream).slice(0, labels.length)).toEqual(labels);
        }
        for (const stream of model.open[side]) {
          if (side === 'leader' && stream === slow) continue;
          expect(listed(model.heard[other], stream)).toEqual(listed(model.said[side], stream));
        }
      }
      const waiting = slow === undefined ? 0 : Infinity;
      expect(model.ends.follower.waitingBytes.toTunnel).toBe(0);
      expect(model.ends.leader.waitingBytes.toTunnel).toBeLessThanOrEqual(waiting);
    }),
    { numRuns: 300 },
  );
});

test('no more than a window and one message of a stream is ever on its way', () => {
  fc.assert(
    fc.property(acts, (list) => {
      const model = new Model();
      const most = TUNNEL_WINDOW_BYTES + 3 * TUNNEL_WINDOW_BYTES + 1000;
      for (const act of list) {
        act(model);
        const open = Math.max(1, model.ends.follower.size);
        expect(model.ends.follower.waitingBytes.fromTunnel).toBeLessThanOrEqual(open * most);
        expect(model.ends.leader.waitingBytes.fromTunnel).toBeLessThanOrEqual(open * most);
      }
    }),
    { numRuns: 100 },
  );
});
