import { rfc3339Millis } from '../../clock.ts';
import type { Finding, HoldReason } from '../wire.ts';
import type { PdpSight } from './pdp-sight.ts';
import { toldOf } from './sight.ts';
import { currentWave } from './waves-view.ts';

/** A connected PDP that has not been heard for so long is silent: it beats every two seconds. */
const SILENT_MS = 6_000;

const HOLD_ADVICE: Readonly<Partial<Record<HoldReason, string>>> = {
  PauseRequested: 'resume the set',
  ApprovalRequired: 'approve the wave',
  AnalysisFailed: 'abort the rollout, or approve the next wave',
  AnalysisUnknown: 'abort the rollout, or approve the next wave',
  DeadlineExceeded: 'see which PDPs it waits for',
  RepeatedFailure: 'mend the policy, then edit the set',
};

/**
 * What keeps a PDP from serving what it should, most important first; `Converged` alone if nothing does. Pure: from the
 * objects, the distribution's memory and the time.
 */
export function explainPdp(pdp: PdpSight): readonly Finding[] {
  const findings = [
    ...absence(pdp),
    ...refusal(pdp),
    ...installing(pdp),
    ...leaseOver(pdp),
    ...lagging(pdp),
    ...underWay(pdp),
    ...behind(pdp),
    ...mistimed(pdp),
  ];
  return findings.length > 0 ? findings : [settled(pdp)];
}

/** One sentence about all of it. */
export function summarizeFindings({ listing }: PdpSight, findings: readonly Finding[]): string {
  const [first, ...others] = findings;
  if (first === undefined) return `${listing.pod} is where it should be`;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return `${listing.pod}: ${first.message}${more}`;
}

function absence({ listing, entry, now }: PdpSight): readonly Finding[] {
  const since = rfc3339Millis(entry.changedAt);
  if (listing.connected) {
    const silence = now - listing.lastBeatAt;
    if (listing.lastBeatAt === 0 || silence <= SILENT_MS) return [];
    return [
      {
        code: 'Silent',
        severity: 'Warning',
        message: `connected, but not heard for ${seconds(silence)}`,
        advice: 'see whether its process is stopped or starved of CPU',
        since: rfc3339Millis(listing.lastBeatAt),
      },
    ];
  }
  const { refused } = listing;
  if (refused !== undefined) {
    return [
      {
        code: refused.code,
        severity: 'Error',
        message: `not let in (${refused.code}): ${refused.message}`,
        advice: 'it serves on by what it has; see docs/upgrading.md for what works together',
        since,
      },
    ];
  }
  if (listing.engineVersion === '') {
    return [
      {
        code: 'NeverConnected',
        severity: 'Error',
        message: 'its pod is selected by the set, but it has never connected',
        advice: 'see its log: the address of the operator, its token and the CA that it trusts',
        since,
      },
    ];
  }
  return [
    {
      code: 'NotConnected',
      severity: 'Error',
      message: `not connected for ${seconds(now - entry.changedAt)}; it served ${served(entry.active)} when last heard${entry.ended === undefined ? '' : `; its stream was ended: ${entry.ended}`}`,
      advice:
        entry.ended === undefined
          ? 'see whether its pod runs, and the network between it and the operator'
          : 'see its log: it breaks the protocol, or its process stands still',
      since,
    },
  ];
}

function refusal(pdp: PdpSight): readonly Finding[] {
  const { entry, newest, committed, open } = pdp;
  const { refusal: refused, nack = '' } = entry;
  if (refused === undefined || entry.active === refused.n) return [];
  const isWanted = refused.n === open || refused.n === committed;
  if (!isWanted && refused.n !== newest) return [];
  const isFetching = refused.phase === 'Fetch' && !refused.deterministic;
  const again =
    refused.deterministic || entry.retryAt === undefined
      ? ''
      : `; it is offered again at ${rfc3339Millis(entry.retryAt)}`;
  return [
    {
      code: isFetching ? 'FetchFailing' : 'Nacked',
      severity: isWanted ? 'Error' : 'Info',
      message: `${isFetching ? 'cannot fetch' : 'refused'} revision ${refused.n} (${refused.phase}, ${refused.code}): ${nack}${again}`,
      advice: isFetching
        ? 'see the network between it and the port for bundles of the operator'
        : refused.deterministic
          ? 'mend the policy, or the PDP: the same content is not offered to this engine again'
          : 'it is tried again until the deadline; see docs/errors.md for the code',
    },
  ];
}

function installing({ entry, committed }: PdpSight): readonly Finding[] {
  const { failing } = entry;
  if (failing === undefined || failing.n !== committed || entry.active >= committed) return [];
  return [
    {
      code: 'InstallFailing',
      severity: 'Error',
      message: `failed ${failing.count === 1 ? 'once' : `${failing.count} times in a row`} to install revision ${failing.n}, which is committed`,
      advice: 'see its log, and whether the PolicyBundles of the revision are there',
    },
  ];
}

function leaseOver({ listing, leaseUntil, now, sight }: PdpSight): readonly Finding[] {
  if (leaseUntil === undefined || now <= leaseUntil) return [];
  const { mode, onStale } = sight.set.spec.consistency;
  const action = onStale ?? (mode === 'Strict' ? 'NotReady' : 'Serve');
  const does = { Serve: 'it serves on, and says so', NotReady: 'it serves nothing', Deny: 'it denies' }[action];
  return [
    {
      code: 'LeaseOver',
      severity: action === 'Serve' ? 'Warning' : 'Error',
      message: `nobody has vouched for what it serves for ${seconds(now - listing.lastBeatAt)}: its lease is over, and ${does}`,
      since: rfc3339Millis(leaseUntil),
    },
  ];
}

function lagging({ entry, newest, sight }: PdpSight): readonly Finding[] {
  if (!entry.laggard) return [];
  const since = toldOf(sight, newest)?.decidedAt;
  return [
    {
      code: 'Laggard',
      severity: 'Warning',
      message: `had not prepared revision ${newest} at the deadline, and was left behind; it serves ${served(entry.active)}`,
      advice: 'it catches up by itself as soon as it can',
      ...(since === undefined ? {} : { since: rfc3339Millis(since) }),
    },
  ];
}

/** What it waits for while a rollout is open. */
function underWay(pdp: PdpSight): readonly Finding[] {
  const { listing, entry, open, sight, now } = pdp;
  const revision = sight.revisions.at(-1);
  if (open === 0 || revision === undefined || !listing.connected || entry.laggard || entry.active === open) return [];
  const told = toldOf(sight, open);
  const isReady = entry.prepared === open || entry.staged === open || entry.canary?.n === open;
  if (!isReady) {
    if (entry.refusal?.n === open) return [];
    const since = told?.preparingSince;
    const waited = since === undefined ? '' : ` for ${seconds(now - since)}`;
    return [
      {
        code: 'Preparing',
        severity: 'Info',
        message: `has been asked to prepare revision ${open}${waited}, and has not answered (${entry.state})`,
        ...(since === undefined ? {} : { since: rfc3339Millis(since) }),
      },
    ];
  }
  const hold = told?.hold ?? revision.status?.hold;
  const wave = currentWave(sight, revision);
  if (entry.wave === undefined) {
    return [
      {
        code: 'WaitingForWave',
        severity: 'Info',
        message: `has prepared revision ${open} and belongs to a later wave than the one under way (${wave + 1})${heldBy(hold)}`,
        ...advised(hold),
      },
    ];
  }
  if (hold !== undefined) {
    const gives =
      entry.canary?.n === open
        ? `gives revision ${open} to its share of the principals`
        : `has prepared revision ${open}`;
    return [
      {
        code: 'WaitingForHold',
        severity: 'Info',
        message: `${gives}; the rollout is held: ${hold.message}`,
        ...advised(hold),
      },
    ];
  }
  if (entry.awaited && told?.phase === 'Committing') {
    return [
      {
        code: 'SwapPending',
        severity: 'Info',
        message: `has been told to serve revision ${open}, and has not confirmed yet`,
      },
    ];
  }
  const counts = told?.counts;
  const figure = counts === undefined ? '' : `: ${counts.prepared} of ${counts.required} have`;
  return [
    {
      code: 'WaitingForOthers',
      severity: 'Info',
      message: `has prepared revision ${open} and waits until the others have${figure}`,
    },
  ];
}

function heldBy(hold: { readonly message: string } | undefined): string {
  return hold === undefined ? '' : `, which is held: ${hold.message}`;
}

function advised(hold: { readonly reason: string } | undefined): { readonly advice?: string } {
  const advice = hold === undefined ? undefined : HOLD_ADVICE[hold.reason as HoldReason];
  return advice === undefined ? {} : { advice };
}

/** Not what is decided for everyone. */
function behind({ listing, entry, committed, newest, open }: PdpSight): readonly Finding[] {
  if (!listing.connected || committed === 0) return [];
  if (entry.active > newest) {
    return [
      {
        code: 'UnknownRevision',
        severity: 'Error',
        message: `says that it serves revision ${entry.active}, which nobody made: the newest is ${newest}; it counts for nothing`,
        advice: 'see what runs in its pod; if the store was restored from a backup, recreate the set',
      },
    ];
  }
  if (entry.active > committed && entry.active !== open) {
    return [
      {
        code: 'Ahead',
        severity: 'Warning',
        message: `serves revision ${entry.active}, newer than ${committed}, the newest that is decided for everyone`,
        advice: 'it was reached by a wave of a rollout that was ended; the revision that replaces it is on its way',
      },
    ];
  }
  if (entry.active >= committed || entry.laggard || entry.failing?.n === committed || entry.refusal?.n === committed)
    return [];
  return [
    {
      code: 'BehindCommitted',
      severity: 'Warning',
      message: `serves ${served(entry.active)}, and ${committed} is committed: it is installing it (${entry.state})`,
    },
  ];
}

/** A scheduled commit that was done at receipt. One that was late is seen from the skew. */
function mistimed({ entry }: PdpSight): readonly Finding[] {
  if (entry.timing !== 'ClockUnsure') return [];
  return [
    {
      code: 'ClockUnsure',
      severity: 'Warning',
      message: `serves revision ${entry.active} since it was told to, and not since the moment that was set: its clock and that of the operator do not agree`,
      advice: 'see how the clocks of its node and of the operator are set; leases do not depend on them',
    },
  ];
}

function settled({ entry, newest, open }: PdpSight): Finding {
  if (newest === 0) return { code: 'NoRevision', severity: 'Info', message: 'the set has no revision yet' };
  const beside = open > 0 && entry.active === open ? ', the revision under way' : '';
  return { code: 'Converged', severity: 'Info', message: `serves revision ${entry.active}${beside}, as it should` };
}

function served(n: number): string {
  return n === 0 ? 'nothing' : `revision ${n}`;
}

function seconds(ms: number): string {
  const whole = Math.max(0, Math.round(ms / 1000));
  if (whole < 120) return `${whole} s`;
  return whole < 7200 ? `${Math.round(whole / 60)} min` : `${Math.round(whole / 3600)} h`;
}
