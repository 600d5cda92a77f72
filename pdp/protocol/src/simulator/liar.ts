import type { RevisionId } from '../identifiers.ts';
import type { OperatorMessage, PdpMessage } from '../messages.ts';
import { SIM_SET } from './sim-store.ts';

/** In which way a PDP lies. What it serves is honest; what it says is not. */
export const LIES = [
  'prepares-nothing',
  'claims-active',
  'wrong-set',
  'silent',
  'twice',
  'refuses-all',
  'from-the-future',
] as const;
export type Lie = (typeof LIES)[number];

/** What a liar says in place of `message`. */
export function distorted(lie: Lie, message: PdpMessage): readonly PdpMessage[] {
  switch (lie) {
    case 'twice':
      return [message, message];
    case 'silent':
      return message.type === 'Hello' || message.type === 'Beat' ? [message] : [];
    case 'wrong-set':
      return 'revision' in message && message.type !== 'SiteReport'
        ? [
            { ...message, set: 'other/set' },
            { ...message, revision: foreign(message.revision) },
          ]
        : [message];
    case 'from-the-future':
      return [boasting(message)];
    case 'prepares-nothing':
    case 'claims-active':
    case 'refuses-all':
      return message.type === 'Prepared' || message.type === 'Nack' ? [] : [message];
  }
}

/** What a liar says at once when it hears `heard`. */
export function retort(lie: Lie, heard: OperatorMessage, now: number): PdpMessage | undefined {
  if (heard.type !== 'Prepare') return undefined;
  const { set } = heard;
  const { setUid, n, digest } = heard.revision;
  const about = { set, revision: { setUid, n, digest } };
  switch (lie) {
    case 'prepares-nothing':
      return { type: 'Prepared', ...about, compileMs: 0, heapDeltaBytes: 0, tests: { passed: 1, failed: 0 } };
    case 'claims-active':
      return { type: 'Active', ...about, activatedAt: now, swapMicros: 1, persisted: true };
    case 'refuses-all': {
      const detail = { message: 'it does not like it' };
      return { type: 'Nack', ...about, phase: 'Compile', code: 'Disliked', deterministic: true, detail };
    }
    case 'wrong-set':
    case 'silent':
    case 'twice':
    case 'from-the-future':
      return undefined;
  }
}

function foreign(revision: RevisionId): RevisionId {
  return { ...revision, setUid: 'uid-of-another-set' };
}

function boasting(message: PdpMessage): PdpMessage {
  if (message.type !== 'Beat') return message;
  const sets = message.sets.map((set) =>
    set.set === SIM_SET ? { ...set, active: set.active + 1000, staged: set.active + 1001 } : set,
  );
  return { ...message, sets };
}
