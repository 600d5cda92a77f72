import { write } from 'node:fs';
import type { WriteBytes } from './line-writer.ts';

/** A non-blocking pipe that is full is tried again after this long: its reader is slow, not gone. */
const FULL_PIPE_DELAY_MS = 5;

/**
 * Writes to a file descriptor on Node's thread pool, one buffer after the other, each whole. `process.stdout` would write
 * to a pipe synchronously, so that a stalled reader would stop every decision.
 */
export function writeDescriptor(fd: number): WriteBytes {
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
    const writeFrom = (offset: number): void => {
      write(fd, bytes, offset, bytes.length - offset, null, (error, written) => {
        if (error?.code === 'EAGAIN') setTimeout(() => writeFrom(offset), FULL_PIPE_DELAY_MS);
        else if (error !== null) finish(error);
        else if (offset + written < bytes.length) writeFrom(offset + written);
        else finish(null);
      });
    };
    waiting.push(() => writeFrom(0));
    if (!busy) next();
  };
}
