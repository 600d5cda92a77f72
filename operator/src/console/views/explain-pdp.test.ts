import { expect, test } from '@jest/globals';
import type { PdpListing } from '@edict/protocol';
import { aCompleted, aListing, aProgress, aRevision, aSet, aSight, NOW } from '../testing/sights.ts';
import { FINDING_CODES, type FindingCode, type PdpState } from '../wire.ts';
import { explainPdp, summarizeFindings } from './explain-pdp.ts';
import { sightPdps, type PdpSight } from './pdp-sight.ts';
import { pdpState, pdpView } from './pdp-view.ts';
import type { SetSight } from './sight.ts';

/** Revision 1 serves and nothing is under way. */
const quiet = aSight({ revisions: [aCompleted(1)] });
const preparing = aSight({ progress: aProgress(2) });
const held = (reason: 'ApprovalRequired' | 'Soak' | 'PauseRequested', message: string): SetSight =>
  aSight({ progress: aProgress(2, { phase: 'AwaitingApproval', hold: { reason, message } }) });
const strict = aSight({ set: aSet({ consistency: { mode: 'Strict' } }), revisions: [aCompleted(1)] });

function only(sight: SetSight, listing: PdpListing): PdpSight {
  const [pdp] = sightPdps(sight, [listing], NOW);
  if (pdp === undefined) throw new Error('no PDP');
  return pdp;
}

const away = { connected: false };
const fetchFailed = { n: 2, phase: 'Fetch', code: 'Timeout', deterministic: false } as const;
const refused = { n: 2, phase: 'Compile', code: 'rego_type_error', deterministic: true } as const;

const CASES: readonly [string, SetSight, PdpListing, FindingCode, PdpState, RegExp][] = [
  ['it serves what it should', quiet, aListing(), 'Converged', 'Active', /serves revision 1, as it should/],
  [
    'it serves the revision under way already',
    preparing,
    aListing({ active: 2 }),
    'Converged',
    'Active',
    /revision 2, the revision under way, as it should/,
  ],
  [
    'there is nothing to serve',
    { ...quiet, revisions: [] },
    aListing({ active: 0 }),
    'NoRevision',
    'Active',
    /no revision/,
  ],
  [
    'its pod never connected',
    quiet,
    aListing({ active: 0 }, { ...away, engineVersion: '', lastBeatAt: 0 }),
    'NeverConnected',
    'Missing',
    /never connected/,
  ],
  [
    'it is older than the operator understands',
    quiet,
    aListing({}, { ...away, refused: { code: 'ProtocolTooOld', message: 'upgrade the PDP' } }),
    'ProtocolTooOld',
    'Missing',
    /not let in \(ProtocolTooOld\): upgrade the PDP/,
  ],
  [
    'it is newer than the operator understands',
    quiet,
    aListing({}, { ...away, refused: { code: 'ProtocolTooNew', message: 'upgrade the operator' } }),
    'ProtocolTooNew',
    'Missing',
    /not let in \(ProtocolTooNew\): upgrade the operator/,
  ],
  [
    'it went away',
    quiet,
    aListing({}, away),
    'NotConnected',
    'Missing',
    /not connected for 5 min; it served revision 1/,
  ],
  [
    'its stream was ended for what it did',
    quiet,
    aListing({ ended: 'no Beat in time' }, away),
    'NotConnected',
    'Missing',
    /served revision 1 when last heard; its stream was ended: no Beat in time/,
  ],
  [
    'it is connected and says nothing',
    quiet,
    aListing({}, { lastBeatAt: NOW - 8_000 }),
    'Silent',
    'Active',
    /not heard for 8 s/,
  ],
  [
    'its lease is over, and it serves on',
    quiet,
    aListing({}, { lastBeatAt: NOW - 20_000 }),
    'LeaseOver',
    'Stale',
    /lease is over, and it serves on/,
  ],
  [
    'its lease is over, and it serves nothing any more',
    strict,
    aListing({}, { lastBeatAt: NOW - 20_000 }),
    'LeaseOver',
    'Stale',
    /serves nothing/,
  ],
  [
    'it refuses the policy, and says where',
    preparing,
    aListing({ refusal: refused, nack: 'shop/orders mrn:policy:main:7: unsafe' }),
    'Nacked',
    'Nacked',
    /refused revision 2 \(Compile, rego_type_error\): shop\/orders mrn:policy:main:7: unsafe$/,
  ],
  [
    'it cannot fetch, and is offered it again',
    preparing,
    aListing({ refusal: fetchFailed, nack: 'nothing came', retryAt: NOW + 4_000 }),
    'FetchFailing',
    'Nacked',
    /cannot fetch revision 2 .*offered again at 2026-03-01T12:00:04/,
  ],
  [
    'it fails to install what is committed',
    quiet,
    aListing({ active: 0, failing: { n: 1, count: 3 } }),
    'InstallFailing',
    'Behind',
    /failed 3 times in a row to install revision 1/,
  ],
  [
    'it says that it serves what nobody made',
    quiet,
    aListing({ active: 1001 }),
    'UnknownRevision',
    'Active',
    /says that it serves revision 1001, which nobody made: the newest is 1/,
  ],
  [
    'a clock was set while a commit was scheduled',
    quiet,
    aListing({ timing: 'ClockUnsure' }),
    'ClockUnsure',
    'Active',
    /revision 1 since it was told to, and not since the moment that was set/,
  ],
  ['it was left behind', preparing, aListing({ laggard: true }), 'Laggard', 'Laggard', /was left behind/],
  [
    'it has not prepared yet',
    preparing,
    aListing({ awaited: true, state: 'Fetching', wave: 0 }),
    'Preparing',
    'Preparing',
    /asked to prepare revision 2 for 10 s, and has not answered \(Fetching\)/,
  ],
  [
    'it has prepared and others have not',
    preparing,
    aListing({ prepared: 2, wave: 0 }),
    'WaitingForOthers',
    'Prepared',
    /waits until the others have: 0 of 3/,
  ],
  [
    'it belongs to a later wave',
    held('Soak', 'watched'),
    aListing({ prepared: 2 }),
    'WaitingForWave',
    'Prepared',
    /later wave than the one under way \(1\), which is held: watched/,
  ],
  [
    'somebody has to approve',
    held('ApprovalRequired', 'wave 1 waits for approval'),
    aListing({ prepared: 2, wave: 0 }),
    'WaitingForHold',
    'Prepared',
    /is held: wave 1 waits for approval/,
  ],
  [
    'it gives the canary',
    held('Soak', 'watched'),
    aListing({ canary: { n: 2, upTo: 500 }, wave: 0 }),
    'WaitingForHold',
    'Canary',
    /gives revision 2 to its share/,
  ],
  [
    'it has been told to swap and has not said so',
    aSight({ progress: aProgress(2, { phase: 'Committing' }) }),
    aListing({ prepared: 2, wave: 0, awaited: true }),
    'SwapPending',
    'Prepared',
    /has not confirmed yet/,
  ],
  [
    'it installs what was committed before it came',
    { ...quiet, revisions: [aCompleted(1), aCompleted(2)] },
    aListing({ state: 'Fetching' }),
    'BehindCommitted',
    'Behind',
    /serves revision 1, and 2 is committed: it is installing it \(Fetching\)/,
  ],
  [
    'it was reached by a wave that was taken back',
    aSight({ revisions: [aCompleted(1), aRevision(2, { status: ABORTED_AFTER_A_WAVE() })] }),
    aListing({ active: 2 }),
    'Ahead',
    'Active',
    /serves revision 2, newer than 1/,
  ],
];

function ABORTED_AFTER_A_WAVE() {
  return {
    phase: 'RolledBack' as const,
    waves: [
      { index: 0, decision: 'Commit' as const, final: false },
      { index: 1, decision: 'Abort' as const },
    ],
  };
}

test.each(CASES)('%s', (_name, sight, listing, code, state, message) => {
  const pdp = only(sight, listing);
  const findings = explainPdp(pdp);
  expect(findings.map((finding) => finding.code)).toContain(code);
  expect(findings.find((finding) => finding.code === code)?.message).toMatch(message);
  expect(pdpState(pdp)).toBe(state);
});

test('every code has a case', () => {
  expect([...new Set(CASES.map(([, , , code]) => code))].sort()).toStrictEqual([...FINDING_CODES].sort());
});

test('what is said comes worst first, and the list shows the first', () => {
  const pdp = only(preparing, aListing({ refusal: refused, nack: 'no' }, { ...away }));
  const findings = explainPdp(pdp);
  expect(findings.map(({ code }) => code)).toStrictEqual(['NotConnected', 'Nacked']);
  expect(pdpView(pdp).reason).toBe(findings[0]?.message);
  expect(summarizeFindings(pdp, findings)).toMatch(/^shop\/pdp-1: not connected .* \(and 1 more\)$/);
});

test('what it refused and nobody wants any more does not make it worse than it is', () => {
  const later = aSight({ revisions: [aCompleted(1), aCompleted(3)] });
  const pdp = only(later, aListing({ active: 3, refusal: refused, nack: 'no' }));
  expect(pdpState(pdp)).toBe('Active');
  expect(explainPdp(pdp)).toMatchObject([{ code: 'Converged' }]);
});

test('a PDP of other sets is none of this one', () => {
  expect(sightPdps(quiet, [aListing({ set: 'shop/other' })], NOW)).toStrictEqual([]);
});
