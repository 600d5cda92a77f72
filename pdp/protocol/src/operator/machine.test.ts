import { describe, expect, test } from '@jest/globals';
import { revisionIdOf } from '../identifiers.ts';
import type { Hello, PdpMessage } from '../messages.ts';
import { aRevision, FRESH_HELLO } from '../testing/builders.ts';
import { SET } from '../testing/pdp-driver.ts';
import { anObservation } from '../testing/rollout-driver.ts';
import { OperatorMachine, type OperatorEffect, type OperatorEvent } from './machine.ts';
import { OPERATOR_TUNING, redialMaxFor, settleMsFor, type OperatorTuning } from './observation.ts';

const hello = FRESH_HELLO;

class Driver {
  mono = 0;
  readonly machine: OperatorMachine;
  effects: readonly OperatorEffect[] = [];

  constructor(tuning: Partial<OperatorTuning> = {}) {
    this.machine = new OperatorMachine(
      {
        replica: 'operator-0',
        artifactsUrl: '',
        tuning: { ...OPERATOR_TUNING, settleMs: 0, helloRate: 1000, ...tuning },
        random: () => 0.5,
        issueTicket: () => 'ticket',
      },
      this.now(),
    );
  }

  now() {
    return { mono: this.mono, wall: this.mono };
  }

  step(event: OperatorEvent): readonly string[] {
    this.effects = this.machine.step(event, this.now());
    return this.effects.flatMap((effect) => {
      if (effect.type === 'send') return [`${effect.sessionId} <- ${effect.message.type}`];
      if (effect.type === 'close') return [`${effect.sessionId} closed`];
      return [];
    });
  }

  open(sessionId: string, nodeId: string, sets: readonly string[] = [SET]): readonly string[] {
    const identity = { nodeId, podName: nodeId, namespace: 'default', serviceAccount: 'pdp', sets };
    return this.step({ type: 'opened', sessionId, identity });
  }

  say(sessionId: string, message: PdpMessage): readonly string[] {
    return this.step({ type: 'message', sessionId, message });
  }
}

const beat: PdpMessage = {
  type: 'Beat',
  seq: 9,
  sentAt: 0,
  sets: [],
  load: { decisions: 0, errors: 0, denied: 0, p99Micros: 0, unlogged: 0, rssBytes: 0 },
};

describe('sessions', () => {
  test('a Hello is welcomed with the sets of this PDP', () => {
    const driver = new Driver();
    driver.step({ type: 'observed', observation: anObservation() });
    driver.open('s1', 'a');
    expect(driver.say('s1', hello)).toEqual(['s1 <- Welcome']);
    expect(driver.effects[0]).toMatchObject({ message: { sets: [SET], replica: 'operator-0', heartbeatMs: 2000 } });
    expect(driver.machine.sessions).toBe(1);
  });

  test('a second stream of the same node closes the first, and the first one’s end changes nothing', () => {
    const driver = new Driver();
    driver.step({ type: 'observed', observation: anObservation() });
    driver.open('s1', 'a');
    driver.say('s1', hello);
    driver.open('s2', 'a');
    expect(driver.say('s2', hello)).toEqual(['s1 closed', 's2 <- Welcome']);
    driver.step({ type: 'closed', sessionId: 's1' });
    expect(driver.machine.pdps(driver.now())).toMatchObject([{ nodeId: 'a', connected: true }]);
  });

  test('a beat is answered, and keeps the stream; silence ends it', () => {
    const driver = new Driver();
    driver.open('s1', 'a');
    driver.say('s1', hello);
    driver.mono = OPERATOR_TUNING.presenceTimeoutMs - 1;
    expect(driver.say('s1', beat)).toEqual(['s1 <- BeatAck']);
    driver.mono += OPERATOR_TUNING.presenceTimeoutMs;
    expect(driver.step({ type: 'tick' })).toEqual([]);
    driver.mono += 1;
    expect(driver.step({ type: 'tick' })).toEqual(['s1 closed']);
    expect(driver.machine.sessions).toBe(0);
  });

  test('a stream that says nothing at all is ended', () => {
    const driver = new Driver();
    driver.open('s1', 'a');
    driver.mono = OPERATOR_TUNING.helloTimeoutMs + 1;
    expect(driver.step({ type: 'tick' })).toEqual(['s1 closed']);
  });

  test.each<[string, PdpMessage]>([
    ['another message before the Hello', beat],
    ['another version of the protocol', { ...hello, protocol: 2 }],
  ])('%s ends the stream', (_name, message) => {
    const driver = new Driver();
    driver.open('s1', 'a');
    expect(driver.say('s1', message)).toEqual(['s1 closed']);
  });

  test('a second Hello on one stream ends it', () => {
    const driver = new Driver();
    driver.open('s1', 'a');
    driver.say('s1', hello);
    expect(driver.say('s1', hello)).toEqual(['s1 closed']);
  });

  test.each<[string, (driver: Driver) => void, RegExp]>([
    ['says nothing any more', (driver) => (driver.mono = 60_000), /^no live stream: no Beat in time$/],
    ['says Hello twice', (driver) => driver.say('s1', hello), /^no live stream: a second Hello on one stream$/],
    [
      'sends what its transport refuses',
      (driver) => driver.step({ type: 'closed', sessionId: 's1', why: 'Protocol: it has 3000000 bytes' }),
      /^no live stream: Protocol: it has 3000000 bytes$/,
    ],
    ['goes in order', (driver) => driver.step({ type: 'closed', sessionId: 's1' }), /^no live stream$/],
  ])('a PDP that %s is missing, and it is told why until it is back', (_what, act, reason) => {
    const driver = new Driver();
    const members = new Map([['a', 'default/a']]);
    driver.step({ type: 'observed', observation: anObservation({ members, committed: aRevision(1) }) });
    driver.open('s1', 'a');
    driver.say('s1', hello);
    act(driver);
    driver.step({ type: 'tick' });
    expect(driver.machine.progress(SET, driver.now())?.exceptions).toMatchObject([
      { state: 'Missing', reason: expect.stringMatching(reason) },
    ]);
    driver.open('s2', 'a');
    driver.say('s2', hello);
    expect(driver.machine.progress(SET, driver.now())?.exceptions).toMatchObject([{ state: 'Behind' }]);
    expect(driver.machine.pdps(driver.now())[0]?.sets[0]).not.toHaveProperty('ended');
  });

  test('a PDP that says that it serves what nobody made counts for nothing, and is named', () => {
    const driver = new Driver();
    driver.step({ type: 'observed', observation: anObservation({ committed: aRevision(1), completed: true }) });
    driver.open('s1', 'a');
    driver.say('s1', { ...hello, sets: [{ set: SET, active: { ...revisionIdOf(aRevision(1)), n: 1001 } }] });
    expect(driver.machine.progress(SET, driver.now())).toMatchObject({
      counts: { connected: 1, active: 0 },
      exceptions: [{ state: 'Behind', active: 1001, reason: expect.stringMatching(/^UnknownRevision: .* 1001/) }],
    });
  });

  test('Hellos beyond the rate are told to come back, and let in when there is room', () => {
    const driver = new Driver({ helloRate: 2 });
    for (const node of ['a', 'b', 'c']) driver.open(`s-${node}`, node);
    expect(driver.say('s-a', hello)).toEqual(['s-a <- Welcome']);
    expect(driver.say('s-b', hello)).toEqual(['s-b <- Welcome']);
    expect(driver.say('s-c', hello)).toEqual(['s-c <- Retry', 's-c closed']);
    driver.mono = 500;
    driver.open('s-d', 'c');
    expect(driver.say('s-d', hello)).toEqual(['s-d <- Welcome']);
  });

  test.each([
    [1, 2_000],
    [1_000, 10_000],
    [20_000, 30_000],
  ])('while nobody answers, %d PDPs dial within at most %d ms of each other', (pdps, ms) => {
    expect(redialMaxFor(pdps)).toBe(ms);
  });

  test.each<[string, number | undefined, number]>([
    ['of 3 PDPs', 3, 19_400],
    ['of 1,000', 1_000, 27_400],
    ['of 20,000', 20_000, 35_000],
    ['of nobody knows how many', undefined, 35_000],
  ])(
    'a replica that begins to lead a fleet %s waits for those who are missing as long as they may need',
    (_of, pdps, ms) => {
      expect(settleMsFor(pdps, OPERATOR_TUNING)).toBe(ms);
      const driver = new Driver({ settleMs: OPERATOR_TUNING.settleMs });
      const members =
        pdps === undefined
          ? {}
          : { members: new Map(Array.from({ length: pdps }, (_, n) => [`n${n}`, `default/n${n}`])) };
      driver.step({ type: 'observed', observation: anObservation(members) });
      driver.mono = ms - 1;
      expect(driver.machine.isSettled(SET, driver.now())).toBe(false);
      driver.mono = ms;
      expect(driver.machine.isSettled(SET, driver.now())).toBe(true);
    },
  );

  test('streams beyond the limit are refused', () => {
    const driver = new Driver({ sessionsMax: 1 });
    driver.open('s1', 'a');
    expect(driver.open('s2', 'b')).toEqual(['s2 <- Retry', 's2 closed']);
  });

  test('a drain asks a share of the PDPs to go elsewhere', () => {
    const driver = new Driver();
    for (let index = 0; index < 10; index += 1) {
      driver.open(`s${index}`, `n${index}`);
      driver.say(`s${index}`, hello);
    }
    expect(driver.step({ type: 'drain', share: 0.25, reason: 'x' })).toHaveLength(3);
  });
});

describe('sets', () => {
  test('a PDP hears nothing of a set that is not its own, and its word about it counts nothing', () => {
    const driver = new Driver();
    driver.step({
      type: 'observed',
      observation: anObservation({ members: new Map([['other', 'default/other']]), undecided: [aRevision(1)] }),
    });
    driver.open('s1', 'a');
    expect(driver.say('s1', { ...hello, sets: [{ set: SET, active: aRevision(1) }] })).toEqual(['s1 <- Welcome']);
    expect(driver.effects[0]).toMatchObject({ message: { sets: [] } });
    driver.say('s1', {
      type: 'Active',
      set: SET,
      revision: aRevision(1),
      activatedAt: 0,
      swapMicros: 0,
      persisted: true,
    });
    expect(driver.machine.progress(SET, driver.now())?.counts.active).toBe(0);
  });

  test('a PDP that becomes a member is welcomed anew and told; one that ceases to be is no longer counted', () => {
    const driver = new Driver();
    driver.step({ type: 'observed', observation: anObservation({ members: new Map() }) });
    driver.open('s1', 'a');
    driver.say('s1', hello);
    const members = new Map([['a', 'default/a']]);
    expect(
      driver.step({
        type: 'observed',
        observation: anObservation({ members, committed: aRevision(1), completed: true }),
      }),
    ).toEqual(['s1 <- Welcome', 's1 <- Commit']);
    driver.step({
      type: 'observed',
      observation: anObservation({ members: new Map(), committed: aRevision(1), completed: true }),
    });
    expect(driver.machine.progress(SET, driver.now())?.counts.connected).toBe(0);
  });

  test('a set that is gone is forgotten', () => {
    const driver = new Driver();
    driver.step({ type: 'observed', observation: anObservation() });
    driver.step({ type: 'setRemoved', set: SET });
    expect(driver.machine.sets()).toEqual([]);
    expect(driver.machine.progress(SET, driver.now())).toBeUndefined();
  });

  test('a BeatAck vouches for nothing before the store was read for sure, then for what is known, with its age', () => {
    const driver = new Driver();
    driver.step({ type: 'observed', observation: anObservation({ committed: aRevision(1), completed: true }) });
    driver.open('s1', 'a');
    driver.say('s1', hello);
    driver.say('s1', beat);
    expect(driver.effects.at(-1)).toMatchObject({ message: { type: 'BeatAck', sets: [] } });
    driver.step({ type: 'confirmed', asOf: 0 });
    driver.step({ type: 'confirmed', asOf: -5 });
    driver.mono = 400;
    driver.say('s1', beat);
    expect(driver.effects).toContainEqual({
      type: 'send',
      sessionId: 's1',
      message: {
        type: 'BeatAck',
        seq: 9,
        asOfAgeMs: 400,
        clock: 400,
        sets: [{ set: SET, setUid: 'uid-1', minRev: 1, stableRev: 1 }],
      },
    });
  });

  test('a verdict about a set that is not known changes nothing', () => {
    const driver = new Driver();
    const revision = aRevision(1);
    driver.step({ type: 'analysed', set: SET, revision, wave: 0, verdict: 'Fail', message: 'no' });
    expect(driver.effects).toEqual([]);
  });

  test('the list of PDPs names what each serves and has staged', () => {
    const driver = new Driver();
    driver.step({ type: 'observed', observation: anObservation({ committed: aRevision(1), completed: true }) });
    driver.open('s1', 'a');
    driver.say('s1', { ...hello, sets: [{ set: SET, active: aRevision(1), staged: aRevision(2) }] });
    driver.mono = 1234;
    driver.say('s1', {
      ...beat,
      sets: [{ set: SET, setUid: 'uid-1', state: 'Staged', active: 1, staged: 2 }],
    });
    expect(driver.machine.pdps(driver.now())).toEqual([
      {
        nodeId: 'a',
        pod: 'default/a',
        connected: true,
        engineVersion: '1.0.0',
        lastBeatAt: 1234,
        sets: [
          {
            set: SET,
            state: 'Staged',
            active: 1,
            staged: 2,
            prepared: 0,
            changedAt: expect.any(Number),
            laggard: false,
            awaited: false,
          },
        ],
      },
    ]);
  });
});

describe('versions', () => {
  const members = new Map([['a', 'default/a']]);

  test('a PDP of another protocol is not let in, and shown with the reason until one is that fits', () => {
    const driver = new Driver();
    driver.step({ type: 'observed', observation: anObservation({ members }) });
    driver.open('s1', 'a');
    const newer: Hello = { ...hello, protocol: 3, oldestProtocol: 2, engine: { ...hello.engine, version: '9.0.0' } };
    expect(driver.say('s1', newer)).toEqual(['s1 closed']);
    const message = 'the PDP (edict 9.0.0) speaks protocol 2 to 3, this operator 1: upgrade the operator';
    expect(driver.machine.pdps(driver.now())).toMatchObject([
      { pod: 'default/a', connected: false, engineVersion: '9.0.0', refused: { code: 'ProtocolTooNew', message } },
    ]);
    expect(driver.machine.progress(SET, driver.now())?.exceptions).toMatchObject([
      { node: 'default/a', state: 'Missing', reason: `ProtocolTooNew: ${message}` },
    ]);
    driver.open('s2', 'a');
    expect(driver.say('s2', { ...newer, oldestProtocol: 1 })).toEqual(['s2 <- Welcome']);
    expect(driver.machine.pdps(driver.now())[0]).not.toHaveProperty('refused');
    expect(driver.machine.pdps(driver.now())[0]).toMatchObject({ connected: true });
  });

  test('the keys that a PDP trusts are listed as its last Beat told them', () => {
    const driver = new Driver();
    driver.step({ type: 'observed', observation: anObservation({ members }) });
    driver.open('s1', 'a');
    driver.say('s1', hello);
    expect(driver.machine.pdps(driver.now())[0]).not.toHaveProperty('trustedKeys');
    driver.say('s1', { ...beat, trustedKeys: ['0123456789abcdef'] });
    expect(driver.machine.pdps(driver.now())).toMatchObject([{ trustedKeys: ['0123456789abcdef'] }]);
    driver.say('s1', beat);
    expect(driver.machine.pdps(driver.now())[0]).not.toHaveProperty('trustedKeys');
  });
});
