import { renderAccessRecord } from '@edict/engine';
import { isDocumentDecision, type AuditSink } from '../core/audit-sink.ts';
import { renderDecisionEvent } from './render-decision-event.ts';

/** Takes lines: never throws, never waits. `offer` says no, and counts it, when there is no room. */
export interface LineTarget {
  readonly hasRoom: boolean;
  readonly offer: (line: string) => boolean;
}

/**
 * Records as lines of JSON, for whoever uses a decision core and has a place of their own for them. `onFull` says what happens when the target has no room: decide and lose the record, which the
 * target counts, or give no decision.
 */
export function lineSink(target: LineTarget, onFull: 'Drop' | 'Refuse'): AuditSink {
  return {
    room: onFull === 'Drop' ? () => true : () => target.hasRoom,
    record: (decision, about) => {
      const line = isDocumentDecision(decision) ? renderDecisionEvent(decision, about) : renderAccessRecord(decision);
      target.offer(line);
      return undefined;
    },
  };
}
