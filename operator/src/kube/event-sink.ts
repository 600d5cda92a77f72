import type { Counter } from 'prom-client';
import type { Logger } from 'winston';
import type { Clock } from '../clock.ts';
import type { EventSink, OperatorEvent } from '../events.ts';
import { isStoreError } from '../store/errors.ts';
import type { KubeObjects } from '../store/kube/kube-objects.ts';
import { RESOURCES } from '../store/kube/resources.ts';

export interface KubeEventSinkOptions {
  readonly objects: KubeObjects;
  /** Name of this replica's pod. */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: Counter<'outcome'>;
}

/** Events that may wait; more are dropped and counted. */
export const EVENTS_MAX = 500;
/** The apiserver refuses longer notes. */
const NOTE_MAX = 1024;
const CONTROLLER = 'edict.dev/operator';

/** Writes events as `events.k8s.io/v1`, one after the other. They expire after an hour, as all events do. */
export function createKubeEventSink(options: KubeEventSinkOptions): EventSink {
  const { objects, logger, events } = options;
  const queue: object[] = [];
  let writing = false;
  let counter = 0;

  const write = async (): Promise<void> => {
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
      try {
        await objects.create(RESOURCES.Event, event);
        events.inc({ outcome: 'written' });
      } catch (error) {
        if (!isStoreError(error)) throw error;
        events.inc({ outcome: 'failed' });
        logger.debug('an event was not written', { error: error.message });
      }
    }
  };
  return {
    emit: (event) => {
      if (queue.length >= EVENTS_MAX) {
        events.inc({ outcome: 'dropped' });
        return;
      }
      counter += 1;
      queue.push(render(event, options, counter));
      if (writing) return;
      writing = true;
      write()
        .catch((error: unknown) => logger.error('events are not written', { error: String(error) }))
        .finally(() => {
          writing = false;
        });
    },
  };
}

function render(
  { type, reason, message, regarding }: OperatorEvent,
  options: KubeEventSinkOptions,
  counter: number,
): object {
  const nowMs = options.clock.now();
  const { namespace, name } = regarding;
  return {
    apiVersion: RESOURCES.Event.apiVersion,
    kind: RESOURCES.Event.kind,
    metadata: { namespace, name: `${name}.${nowMs.toString(16)}.${counter.toString(16)}`.slice(-253) },
    eventTime: new Date(nowMs).toISOString().replace('Z', '000Z'),
    reportingController: CONTROLLER,
    reportingInstance: options.identity.slice(0, 128),
    action: reason,
    reason,
    type,
    note: message.slice(0, NOTE_MAX),
    regarding,
  };
}
