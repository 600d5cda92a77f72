import { rfc3339Millis } from '../../clock.ts';
import type { PdpState, PdpView } from '../wire.ts';
import { explainPdp } from './explain-pdp.ts';
import type { PdpSight } from './pdp-sight.ts';

/** Where the PDP stands, in one word: the worst that is true of it. */
export function pdpState({ listing, entry, committed, open, newest, leaseUntil, now }: PdpSight): PdpState {
  if (!listing.connected) return 'Missing';
  const isWanted = open === newest || committed === newest;
  if (entry.refusal?.n === newest && isWanted && entry.active !== newest && newest > 0) return 'Nacked';
  if (entry.laggard) return 'Laggard';
  if (leaseUntil !== undefined && now > leaseUntil) return 'Stale';
  if (open > 0) {
    if (entry.active === open) return 'Active';
    if (entry.canary?.n === open) return 'Canary';
    if (entry.prepared === open || entry.staged === open) return 'Prepared';
    if (entry.awaited) return 'Preparing';
  }
  return entry.active >= committed && (committed > 0 || newest === 0) ? 'Active' : 'Behind';
}

/** One PDP as lists show it. */
export function pdpView(pdp: PdpSight): PdpView {
  const { listing, entry, leaseUntil } = pdp;
  const [finding] = explainPdp(pdp);
  const { canary, refusal, nack } = entry;
  return {
    nodeId: listing.nodeId,
    pod: listing.pod,
    state: pdpState(pdp),
    isConnected: listing.connected,
    changedAt: rfc3339Millis(entry.changedAt),
    ...(listing.lastBeatAt === 0 ? {} : { lastBeatAt: rfc3339Millis(listing.lastBeatAt) }),
    engine: listing.engineVersion,
    active: entry.active,
    staged: entry.staged > entry.active ? entry.staged : 0,
    ...(canary === undefined ? {} : { canary: { revision: canary.n, upTo: canary.upTo } }),
    ...(entry.wave === undefined ? {} : { wave: entry.wave }),
    isAwaited: entry.awaited,
    ...(leaseUntil === undefined ? {} : { leaseUntil: rfc3339Millis(leaseUntil) }),
    ...(refusal === undefined
      ? {}
      : {
          nack: {
            revision: refusal.n,
            phase: refusal.phase,
            code: refusal.code,
            isDeterministic: refusal.deterministic,
            text: nack ?? '',
          },
        }),
    ...(finding === undefined || finding.code === 'Converged' ? {} : { reason: finding.message }),
  };
}
