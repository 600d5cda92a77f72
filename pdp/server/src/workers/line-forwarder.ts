import type { Readable } from 'node:stream';
import type { WriteBytes } from '../audit/line-writer.ts';

const LINE_FEED = 10;
/** Bytes that may wait to be written before a worker is read no further. */
const MAX_WAITING_BYTES = 262_144;
/** A write that failed is tried again after this long. */
const RETRY_MS = 100;

/**
 * Hands on what a worker writes, in whole lines: lines of several workers, and of their primary, never mix. While `write` does
 * not take them the worker is read no further, and its own bounds hold: so nothing is lost here. What a worker that was killed
 * left of a line is dropped, and told.
 */
export function forwardLines(output: Readable, write: WriteBytes, onTorn: (bytes: number) => void): void {
  let rest: Buffer[] = [];
  let waiting = 0;
  const send = (bytes: Buffer): void => {
    write(bytes, (error) => {
      if (error !== null) {
        setTimeout(() => send(bytes), RETRY_MS);
        return;
      }
      waiting -= bytes.length;
      if (waiting < MAX_WAITING_BYTES) output.resume();
    });
  };
  output.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(LINE_FEED) + 1;
    if (end === 0) {
      rest.push(chunk);
      return;
    }
    const lines = Buffer.concat([...rest, chunk.subarray(0, end)]);
    rest = end === chunk.length ? [] : [chunk.subarray(end)];
    waiting += lines.length;
    if (waiting >= MAX_WAITING_BYTES) output.pause();
    send(lines);
  });
  output.on('error', () => undefined);
  output.on('end', () => {
    const torn = rest.reduce((sum, { length }) => sum + length, 0);
    if (torn > 0) onTorn(torn);
  });
}
