import { write } from 'node:fs';
import type { WriteBytes } from './line-writer.ts';

/**
 * Writes to a file descriptor on Node's thread pool. `process.stdout` would write to a pipe synchronously, so that a
 * stalled reader would stop every decision.
 */
export function writeDescriptor(fd: number): WriteBytes {
  return (bytes, done) => {
    const writeFrom = (offset: number): void => {
      write(fd, bytes, offset, bytes.length - offset, null, (error, written) => {
        if (error !== null) {
          // A pipe in non-blocking mode is full: the reader is slow, not gone.
          if (error.code === 'EAGAIN') setTimeout(() => writeFrom(offset), EAGAIN_DELAY_MS);
          else done(error);
          return;
        }
        if (offset + written < bytes.length) writeFrom(offset + written);
        else done(null);
      });
    };
    writeFrom(0);
  };
}

const EAGAIN_DELAY_MS = 5;
