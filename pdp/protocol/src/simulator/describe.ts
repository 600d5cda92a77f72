import type { OperatorMessage, PdpMessage } from '../messages.ts';
import type { DurableRecord } from '../pdp/state.ts';

/** A message for the trace: what it is about, and nothing else. */
export function describeMessage(message: OperatorMessage | PdpMessage): string {
  switch (message.type) {
    case 'Commit':
    case 'Active': {
      const { type, revision, share } = message;
      return `${type} ${revision.n}${share === undefined ? '' : ` for ${share.upTo} of '${share.salt}'`}`;
    }
    case 'Nack':
      return `Nack ${message.revision.n} ${message.code}${message.deterministic ? ' for good' : ''}`;
    case 'Abort':
      return `Abort ${message.revision.n} (${message.reason})`;
    case 'Prepare':
    case 'Prepared':
    case 'ShadowReport':
      return `${message.type} ${message.revision.n}`;
    case 'BeatAck': {
      const [vouch] = message.sets;
      const word = vouch === undefined ? 'nothing' : `${vouch.minRev} (stable ${vouch.stableRev})`;
      return `BeatAck vouches for ${word}, ${message.asOfAgeMs} ms old`;
    }
    case 'Beat': {
      const [set] = message.sets;
      const canary = set?.canary === undefined ? '' : `, canary ${set.canary.n} for ${set.canary.upTo}`;
      return `Beat: active ${set?.active ?? 0}, staged ${set?.staged ?? 0}${canary}`;
    }
    case 'Hello': {
      const [set] = message.sets;
      const canary = set?.canary === undefined ? '' : `, canary ${set.canary.revision.n}`;
      return `Hello (${message.bootReason}): active ${set?.active?.n ?? 0}, staged ${set?.staged?.n ?? 0}${canary}`;
    }
    case 'SiteReport':
      return `SiteReport: ${message.counts.active} of ${message.counts.required} at ${message.revision}`;
    case 'Welcome':
    case 'Reconnect':
    case 'Retry':
      return message.type;
  }
}

/** What the disk of a PDP holds, for the trace. */
export function describeRecord({ active, staged, lkg, canary }: DurableRecord): string {
  const beside = canary === undefined ? '' : `, canary ${canary.revision.n} for ${canary.share.upTo}`;
  const name = (slot: { readonly revision: { readonly n: number } } | undefined) => slot?.revision.n ?? '-';
  return `{active ${name(active)}${beside}, staged ${name(staged)}, lkg ${name(lkg)}}`;
}
