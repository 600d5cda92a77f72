import { join } from 'node:path';
import { readFrame } from './frame.ts';
import type { JournalFiles } from './journal-files.ts';

/** One file of a journal. */
export interface Segment {
  readonly number: number;
  readonly path: string;
  /** Bytes that hold whole frames. */
  bytes: number;
}

/** The file of segment `number`. Names sort as numbers do. */
export function segmentPath(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(12, '0')}.segment`);
}

/**
 * The segments of a folder, oldest first. What a crash left half written at the end of the newest is cut off: no decision
 * was given for it.
 */
export async function openSegments(folder: string, files: JournalFiles): Promise<Segment[]> {
  const numbers = (await files.list(folder))
    .flatMap((name) => /^(\d{12})\.segment$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const segments: Segment[] = [];
  for (const number of numbers) {
    const path = segmentPath(folder, number);
    const isLast = number === numbers.at(-1);
    const file = await files.open(path, isLast ? 'r+' : 'r');
    try {
      const { size } = await file.stat();
      if (!isLast) segments.push({ number, path, bytes: size });
      else {
        const bytes = Buffer.alloc(size);
        let read = 0;
        while (read < size) {
          const { bytesRead } = await file.read(bytes, read, size - read, read);
          if (bytesRead === 0) break;
          read += bytesRead;
        }
        const whole = wholeBytes(bytes.subarray(0, read));
        if (whole < size) await file.truncate(whole);
        segments.push({ number, path, bytes: whole });
      }
    } finally {
      await file.close();
    }
  }
  return segments;
}

/** How many bytes from the start are whole frames. */
function wholeBytes(bytes: Buffer): number {
  let at = 0;
  for (;;) {
    const frame = readFrame(bytes, at);
    if (typeof frame === 'string') return at;
    at = frame.end;
  }
}
