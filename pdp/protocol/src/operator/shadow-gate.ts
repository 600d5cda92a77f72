import type { NodeId } from '../identifiers.ts';
import { SHADOW_SAMPLES_MAX } from '../limits.ts';
import type { ShadowCounts, ShadowReport, ShadowSample } from '../messages.ts';
import type { ShadowOptions } from './observation.ts';
import type { ShadowProgress } from './progress.ts';

/** What a PDP may take beyond the window to say that it is done, milliseconds. After it, what was reported is judged. */
export const SHADOW_REPORT_GRACE_MS = 30_000;

/** How long a PDP goes on comparing where requests are waited for, milliseconds: the longest that messages can say. */
export const SHADOW_WAIT_MAX_MS = 86_400_000;

const NONE: ShadowCounts = { total: 0, changed: 0, grantToDeny: 0, denyToGrant: 0, errors: 0, dropped: 0 };

/** The reports of one rollout: the newest of each PDP. */
export type ShadowReports = ReadonlyMap<NodeId, ShadowReport>;

function sumOf(reports: ShadowReports): ShadowCounts {
  return [...reports.values()].reduce(
    (sum, { counts }) => ({
      total: sum.total + counts.total,
      changed: sum.changed + counts.changed,
      grantToDeny: sum.grantToDeny + counts.grantToDeny,
      denyToGrant: sum.denyToGrant + counts.denyToGrant,
      errors: sum.errors + counts.errors,
      dropped: sum.dropped + counts.dropped,
    }),
    NONE,
  );
}

/** One of each PDP in turn, so that a loud one does not hide the others. */
function samplesOf(reports: ShadowReports): readonly ShadowSample[] {
  const lists = [...reports.values()].map(({ samples }) => samples);
  const picked: ShadowSample[] = [];
  for (let at = 0; picked.length < SHADOW_SAMPLES_MAX && lists.some((list) => at < list.length); at += 1) {
    picked.push(...lists.map((list) => list[at]).filter((sample) => sample !== undefined));
  }
  return picked.slice(0, SHADOW_SAMPLES_MAX);
}

interface Limit {
  readonly name: string;
  readonly share: number;
  readonly limit: number | undefined;
}

function limitsOf(options: ShadowOptions, { total, grantToDeny, denyToGrant, errors }: ShadowCounts): readonly Limit[] {
  const shareOf = (count: number): number => (total === 0 ? 0 : count / total);
  return [
    { name: 'grant to deny', share: shareOf(grantToDeny), limit: options.maxGrantToDeny },
    { name: 'deny to grant', share: shareOf(denyToGrant), limit: options.maxDenyToGrant },
    { name: 'errors', share: shareOf(errors), limit: options.maxErrorIncrease },
  ];
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(3))} %`;
}

/**
 * Judges a shadow evaluation: not before every PDP in `awaited` has ended its window or `isOver`, except that a limit of
 * nothing at all is broken by the first answer. Too few requests prove nothing; what that means the set says.
 */
export function judgeShadow(
  options: ShadowOptions,
  reports: ShadowReports,
  awaited: readonly NodeId[],
  isOver: boolean,
): ShadowProgress {
  const counts = sumOf(reports);
  const done = [...reports.values()].filter((report) => report.done).length;
  const proven = counts.total >= options.minSamples;
  const base = { counts, samples: samplesOf(reports), reporting: reports.size, done, proven, awaitsTraffic: false };
  const limits = limitsOf(options, counts);
  const broken = limits.find(({ share, limit }) => limit !== undefined && share > limit);
  const isEnded = isOver || awaited.every((nodeId) => reports.get(nodeId)?.done === true);
  if (broken !== undefined && (isEnded || broken.limit === 0)) {
    const message = `${broken.name}: ${percent(broken.share)} of ${counts.total} answers, at most ${percent(broken.limit ?? 0)} are allowed`;
    return { ...base, verdict: 'Fail', message };
  }
  if (!isEnded) {
    const missing = awaited.filter((nodeId) => reports.get(nodeId)?.done !== true).length;
    return { ...base, verdict: 'Waiting', message: `${missing} of ${awaited.length} PDPs still compare answers` };
  }
  if (proven) return { ...base, verdict: 'Pass', message: `${counts.changed} of ${counts.total} answers differ` };
  const few = `${counts.total} live requests were compared, ${options.minSamples} are needed to prove anything`;
  switch (options.onNoTraffic) {
    case 'Pass':
      return { ...base, verdict: 'Pass', message: `${few}; the set lets that pass` };
    case 'Wait':
      return { ...base, verdict: 'Waiting', awaitsTraffic: true, message: `${few}; approve wave 0 to go on without` };
    case 'Fail':
      return { ...base, verdict: 'Fail', message: few };
  }
}

/** What a PDP is asked to compare for, milliseconds: where requests are waited for, until the decision ends it. */
export function shadowWindowMs({ windowMs, onNoTraffic }: ShadowOptions): number {
  return onNoTraffic === 'Wait' ? Math.max(windowMs, SHADOW_WAIT_MAX_MS) : windowMs;
}
