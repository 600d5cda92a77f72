import { expect, test } from '@jest/globals';
import type { ElectorOptions } from '../election/elector.ts';
import { SiteLead } from './site-lead.ts';

type Callbacks = Pick<ElectorOptions, 'onElected' | 'onLost'>;

/** A replica `a`, and an election that a test holds. */
function aReplica() {
  const events: string[] = [];
  const election: { holder: string | undefined; isLeader: boolean; callbacks?: Callbacks } = {
    holder: undefined,
    isLeader: false,
  };
  const lead = new SiteLead({
    identity: 'a',
    elect: (callbacks) => {
      election.callbacks = callbacks;
      return {
        start: () => events.push('runs'),
        stop: () => {
          events.push('gives up');
          return Promise.resolve();
        },
        isLeader: () => election.isLeader,
        leader: () => election.holder,
      };
    },
    lead: () => events.push('leads'),
    yield: (reason) => events.push(`yields: ${reason}`),
  });
  lead.start();
  const elected = (): void => {
    election.isLeader = true;
    election.holder = 'a';
    election.callbacks?.onElected();
  };
  const lost = (holder: string | undefined): void => {
    election.isLeader = false;
    election.holder = holder;
    election.callbacks?.onLost('not renewed');
  };
  return { lead, events, election, elected, lost };
}

test('a replica that waits does nothing, whoever leads', () => {
  const { lead, events, election } = aReplica();
  election.holder = 'b';
  lead.look();
  lead.hubClosed({ code: 'Closed', reason: 'x' });
  expect(events).toEqual(['runs']);
});

test('the relay of a site whose API server is away goes on, and is elected again without beginning anew', () => {
  const { lead, events, elected, lost } = aReplica();
  elected();
  lost(undefined);
  lead.look();
  lost('a');
  lead.look();
  elected();
  expect(events).toEqual(['runs', 'leads']);
});

test('one that sees another in its place ends, once', () => {
  const { lead, events, elected, lost } = aReplica();
  elected();
  lost('b');
  lead.look();
  lead.look();
  expect(events).toEqual(['runs', 'leads', 'yields: b is the relay of the site now']);
});

test('of two that believe to be it, the one without the Lease ends when the hub has taken the other', () => {
  const { lead, events, elected, lost } = aReplica();
  const close = { code: 'Closed', reason: 'another stream of the same node took over' } as const;
  elected();
  lead.hubClosed(close);
  expect(events).toEqual(['runs', 'leads']);
  lost('a');
  lead.hubClosed({ code: 'Unavailable', reason: 'connection lost' });
  expect(events).toEqual(['runs', 'leads']);
  lead.hubClosed(close);
  expect(events.at(-1)).toBe('yields: the hub: another stream of the same node took over');
});

test('one that stops gives the Lease up', async () => {
  const { lead, events, elected } = aReplica();
  elected();
  await lead.stop();
  expect(events.at(-1)).toBe('gives up');
});
