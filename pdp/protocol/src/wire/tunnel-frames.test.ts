import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CarryRequest } from '../gen/edict/tunnel/v1/tunnel.ts';
import { siteIdentity } from '../operator/identity.ts';
import type { TunnelFrame } from '../tunnel/frames.ts';
import { decodeTunnelFrame, encodeTunnelFrame, TUNNEL_FRAME_MAX_BYTES } from './tunnel-frames.ts';

const identity = { nodeId: 'uid-1', podName: 'pdp-1', namespace: 'default', serviceAccount: 'pdp', sets: ['a/b'] };

test.each<[string, TunnelFrame]>([
  ['the first word', { type: 'Ready', replica: 'operator-0', ticketKey: Buffer.alloc(32, 1) }],
  ['a sign of life', { type: 'Alive' }],
  ['a PDP', { type: 'Open', stream: 1, identity }],
  [
    'a PDP with traits',
    { type: 'Open', stream: 2, identity: { ...identity, traits: { labels: { a: 'b' }, zone: 'z' } } },
  ],
  ['a PDP with no trait', { type: 'Open', stream: 2, identity: { ...identity, traits: { labels: {} } } }],
  ['a relay', { type: 'Open', stream: 3, identity: siteIdentity('eu', 'relay-eu') }],
  ['a message', { type: 'Message', stream: 4, bytes: Buffer.from([1, 2, 3]) }],
  ['an empty message', { type: 'Message', stream: 4, bytes: Buffer.alloc(0) }],
  ['what was taken', { type: 'Taken', stream: 5, bytes: 4_000_000_000 }],
  ['an end', { type: 'Close', stream: 6, close: { code: 'Protocol', reason: 'why' } }],
  [
    'an end that says when to come back',
    { type: 'Close', stream: 7, close: { code: 'Closed', reason: '', retryAfterMs: 5 } },
  ],
])('%s comes out as it went in', (_name, frame) => {
  expect(decodeTunnelFrame(encodeTunnelFrame(frame))).toEqual(frame);
});

test.each<[string, Uint8Array]>([
  ['nothing', new Uint8Array()],
  ['what is no protobuf', Buffer.from([0xff, 0xff, 0xff])],
  ['a stream without a number', encodeTunnelFrame({ type: 'Message', stream: 0, bytes: Buffer.alloc(1) })],
  ['a PDP without a name', encodeTunnelFrame({ type: 'Open', stream: 1, identity: { ...identity, podName: '' } })],
  ['a key that is too short', encodeTunnelFrame({ type: 'Ready', replica: 'r', ticketKey: Buffer.alloc(1) })],
  ['nothing taken', encodeTunnelFrame({ type: 'Taken', stream: 1, bytes: 0 })],
  ['too many bytes', Buffer.alloc(TUNNEL_FRAME_MAX_BYTES + 1)],
  [
    'an end of no kind',
    CarryRequest.encode({ frame: { stream: 1, frame: { $case: 'close', value: { code: 0, reason: '' } } } }).finish(),
  ],
])('%s is no frame', (_name, bytes) => {
  expect(() => decodeTunnelFrame(bytes)).toThrow(expect.objectContaining({ name: 'WireError' }));
});

test('a frame of a kind that is not known is passed over', () => {
  expect(decodeTunnelFrame(CarryRequest.encode({ frame: { stream: 1, frame: undefined } }).finish())).toBeUndefined();
});

test('whatever the bytes, they are a frame, none that is known, or a WireError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodeTunnelFrame(bytes);
      } catch (error) {
        expect(error).toMatchObject({ name: 'WireError' });
      }
    }),
    { numRuns: 500 },
  );
});
