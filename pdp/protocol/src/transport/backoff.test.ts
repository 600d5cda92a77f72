import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BACKOFF_DEFAULTS, nextDial } from './backoff.ts';
import { checkTicket, issueTicket, TICKET_LIFETIME_MS } from './ticket.ts';
import { Outbox } from '../operator/outbox.ts';
import type { OperatorMessage } from '../messages.ts';
import { aDigest, aRevision } from '../testing/builders.ts';

const lost = { code: 'Unavailable' as const, reason: '' };

test('waits are anything up to a ceiling that doubles from a quarter of a second to 30 s', () => {
  const ceilings: number[] = [];
  let state = { failures: 0 };
  for (let failures = 0; failures < 8; failures += 1) {
    const [delay, next] = nextDial(state, lost, 0, 0.999_999);
    expect(nextDial(state, lost, 0, 0)[0]).toBe(0);
    ceilings.push(Math.ceil(delay / 10) / 100);
    state = next;
  }
  expect(ceilings).toEqual([0.25, 0.5, 1, 2, 4, 8, 16, 30]);
});

test('a stream that lived for a minute resets the waits', () => {
  expect(nextDial({ failures: 9 }, lost, BACKOFF_DEFAULTS.healthyMs, 0.999_999)[0]).toBeLessThan(1000);
  expect(nextDial({ failures: 9 }, lost, BACKOFF_DEFAULTS.healthyMs - 1, 0.999_999)[0]).toBeGreaterThan(1000);
});

test('refused credentials are not tried again at once', () => {
  const refused = { code: 'Unauthenticated' as const, reason: '' };
  expect(nextDial({ failures: 0 }, refused, 0, 0)[0]).toBe(BACKOFF_DEFAULTS.refusedMinMs);
  expect(nextDial({ failures: 0 }, refused, 0, 1)[0]).toBe(BACKOFF_DEFAULTS.refusedMaxMs);
});

test('the peer’s wish is followed, with up to a fifth more', () => {
  expect(nextDial({ failures: 5 }, { ...lost, retryAfterMs: 1000 }, 0, 0)[0]).toBe(1000);
  expect(nextDial({ failures: 5 }, { ...lost, retryAfterMs: 1000 }, 0, 1)[0]).toBe(1200);
});

const key = new Uint8Array(32).fill(1);
const ticket = { nodeId: 'node "1".é', manifest: aDigest(1) };

test('a ticket is good for its node and manifest, for five minutes', () => {
  const text = issueTicket(ticket, key, 1000);
  expect(text).toMatch(/^[\w.-]+$/);
  expect(checkTicket(text, key, 1000 + TICKET_LIFETIME_MS - 1)).toEqual(ticket);
  expect(checkTicket(text, key, 1000 + TICKET_LIFETIME_MS)).toBe('Expired');
  expect(checkTicket(text, new Uint8Array(32), 1000)).toBe('Forged');
});

test('a ticket with one changed character is forged or malformed', () => {
  const text = issueTicket(ticket, key, 1000);
  fc.assert(
    fc.property(fc.nat({ max: text.length - 1 }), fc.constantFrom('A', 'b', '.', '_'), (index, character) => {
      const changed = text.slice(0, index) + character + text.slice(index + 1);
      // The last character of base64 carries bits that decoding drops: those tickets are the same bytes.
      fc.pre(changed !== text && index !== text.length - 1);
      expect(['Forged', 'Malformed']).toContain(checkTicket(changed, key, 1000));
    }),
  );
});

test.each(['', '.', 'a', 'a.b.c', '...'])('%p is no ticket', (text) => {
  expect(['Forged', 'Malformed']).toContain(checkTicket(text, key, 0));
});

test('what waits for a slow reader is bounded: the newest announcement of a set, and one of each other message', () => {
  const sent: OperatorMessage[] = [];
  const outbox = new Outbox((message) => {
    sent.push(message);
    return false;
  });
  const offer = (type: 'Prepare' | 'Commit', n: number, set: string): OperatorMessage => ({
    type,
    set,
    revision: aRevision(n),
    ticket: '',
    deadlineMs: 1,
    spreadMs: 0,
  });
  outbox.send(offer('Prepare', 1, 'a/a'));
  for (let n = 2; n < 100; n += 1) {
    outbox.send(offer('Prepare', n, 'a/a'));
    outbox.send(offer('Commit', n, 'a/b'));
    outbox.send({ type: 'BeatAck', seq: n, asOfAgeMs: 0, clock: 0, sets: [] });
  }
  expect(sent).toHaveLength(1);
  expect(outbox.size).toBe(3);
  for (let round = 0; round < 5; round += 1) outbox.drained();
  expect(sent.slice(1)).toMatchObject([
    { type: 'Prepare', revision: { n: 99 } },
    { type: 'Commit', revision: { n: 99 } },
    { type: 'BeatAck', seq: 99 },
  ]);
  expect(outbox.size).toBe(0);
});
