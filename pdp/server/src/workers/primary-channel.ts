import type { ToWorker } from './messages.ts';
import type { PrimaryChannel } from './run-worker.ts';

/** The channel of this process to the primary that started it. A worker without a primary ends: nobody feeds it. */
export function primaryChannel(): PrimaryChannel {
  process.once('disconnect', () => process.exit(1));
  return {
    // A primary that is gone is told by `disconnect`.
    send: (message) => {
      if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
    },
    onMessage: (listener) => {
      process.on('message', (message: ToWorker) => listener(message));
    },
  };
}
