import { fstatSync, write } from 'node:fs';
import { Socket } from 'node:net';
import type { WriteBytes } from './line-writer.ts';

/** A descriptor that someone else made non-blocking and that is full is tried again after this long. */
const FULL_DELAY_MS = 20;

/**
 * Writes to a file descriptor without ever blocking this thread, one buffer after the other, each whole. A pipe or socket
 * whose reader stalls just never calls back: it holds neither a thread nor, at the end, the process.
 */
export function writeDescriptor(fd: number): WriteBytes {
  const writeOne = isStream(fd) ? streamWriter(fd) : fileWriter(fd);
  const waiting: (() => void)[] = [];
  let busy = false;
  const next = (): void => {
    const start = waiting.shift();
    busy = start !== undefined;
    start?.();
  };
  return (bytes, done) => {
    const finish = (error: Error | null): void => {
      next();
      done(error);
    };
    waiting.push(() => writeOne(bytes, finish));
    if (!busy) next();
  };
}

function isStream(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isFIFO() || stat.isSocket();
  } catch {
    return false; // not open: the first write tells
  }
}

/** Pipes and sockets go through the event loop. On the thread pool a write to a full pipe would keep the process from exiting. */
function streamWriter(fd: number): WriteBytes {
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.unref();
  // Every failure reaches its write's callback; unheard, the event would end the process.
  socket.on('error', () => undefined);
  return (bytes, done) => {
    socket.write(bytes, (error) => done(error ?? null));
  };
}

/** Files and terminals: on Node's thread pool. */
function fileWriter(fd: number): WriteBytes {
  return (bytes, done) => {
    const writeFrom = (offset: number): void => {
      write(fd, bytes, offset, bytes.length - offset, null, (error, written) => {
        if (error?.code === 'EAGAIN') setTimeout(() => writeFrom(offset), FULL_DELAY_MS).unref();
        else if (error !== null) done(error);
        else if (offset + written < bytes.length) writeFrom(offset + written);
        else done(null);
      });
    };
    writeFrom(0);
  };
}
