import type { ChildProcess } from 'node:child_process';

/** The message with which a primary of `node:cluster` hands a connection to a worker; the answer names its number in `ack`. */
interface Deal {
  readonly act: 'newconn';
  readonly seq: number;
}

/** What is sent with a {@link Deal}. */
interface Connection {
  readonly close: () => void;
}

/**
 * Closes the connections that a worker was handed and had not taken when it ended. `node:cluster` forgets them, and they would
 * stay open with nobody to answer; a client that is cut off asks again.
 */
export function closeUntakenAtExit(worker: ChildProcess): void {
  const untaken = new Map<number, Connection>();
  const send = worker.send.bind(worker) as (...sent: readonly unknown[]) => boolean;
  worker.send = (...sent: readonly unknown[]): boolean => {
    const [message, handle] = sent;
    if (isDeal(message) && isConnection(handle)) untaken.set(message.seq, handle);
    return send(...sent);
  };
  worker.on('internalMessage', ({ ack }: { readonly ack?: number }) => {
    if (ack !== undefined) untaken.delete(ack);
  });
  worker.once('exit', () => {
    for (const connection of untaken.values()) connection.close();
    untaken.clear();
  });
}

function isDeal(message: unknown): message is Deal {
  return typeof message === 'object' && message !== null && 'act' in message && message.act === 'newconn';
}

function isConnection(handle: unknown): handle is Connection {
  return typeof handle === 'object' && handle !== null && 'close' in handle;
}
