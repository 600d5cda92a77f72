import type { Position } from './checkpoint.ts';
import { frameBytes, readFrame, type JournalRecord } from './frame.ts';
import type { JournalFile, JournalFiles } from './journal-files.ts';
import type { Segment } from './segment.ts';

/** How much is read at once. */
const CHUNK_BYTES = 1_048_576;

/** Records that follow each other, and where the next one stands. */
export interface JournalBatch {
  readonly records: readonly JournalRecord[];
  readonly end: Position;
}

/** Bounds of a batch; the first record may exceed them. */
export interface BatchLimits {
  readonly maxBytes: number;
  readonly maxRecords: number;
}

/** Reads a journal from a position on, however much has been written behind it. One read at a time. */
export class JournalReader {
  readonly #files: JournalFiles;
  readonly #onDamage: (path: string, offset: number) => void;
  #position: Position;
  #open: { readonly number: number; readonly file: JournalFile } | undefined;

  constructor(files: JournalFiles, position: Position, onDamage: (path: string, offset: number) => void) {
    this.#files = files;
    this.#position = position;
    this.#onDamage = onDamage;
  }

  /** Whether all whole frames of `segments` have been read. */
  isAtEnd(segments: readonly Segment[]): boolean {
    return this.#next(segments) === undefined;
  }

  /** The next records, or undefined if there are none yet. */
  async read(segments: readonly Segment[], limits: BatchLimits): Promise<JournalBatch | undefined> {
    for (;;) {
      const current = this.#next(segments);
      if (current === undefined) return undefined;
      if (current.number !== this.#position.segment) this.#position = { segment: current.number, offset: 0 };
      const batch = await this.#readIn(current, this.#position.offset, limits);
      if (batch.records.length > 0) return batch;
    }
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.close();
  }

  /** The first segment with something that has not been read. */
  #next(segments: readonly Segment[]): Segment | undefined {
    const { segment, offset } = this.#position;
    return segments.find(
      ({ number, bytes }) => bytes > (number > segment ? 0 : number === segment ? offset : Infinity),
    );
  }

  async #readIn(segment: Segment, offset: number, { maxBytes, maxRecords }: BatchLimits): Promise<JournalBatch> {
    const available = segment.bytes - offset;
    const wanted = Math.min(available, CHUNK_BYTES);
    let bytes = await this.#bytes(segment, offset, wanted);
    const first = frameBytes(bytes, 0);
    if (first !== undefined && first > bytes.length && first <= available) {
      bytes = await this.#bytes(segment, offset, first);
    }
    const records: JournalRecord[] = [];
    let at = 0;
    while (records.length < maxRecords) {
      const frame = readFrame(bytes, at);
      if (frame === 'damaged' || (frame === 'short' && records.length === 0)) {
        if (records.length > 0) break; // what is whole goes out first
        this.#onDamage(segment.path, offset + at);
        at = available;
        break;
      }
      if (frame === 'short' || (records.length > 0 && frame.end > maxBytes)) break;
      records.push({ text: frame.text, atMs: frame.atMs });
      at = frame.end;
    }
    this.#position = { segment: segment.number, offset: offset + at };
    return { records, end: this.#position };
  }

  async #bytes(segment: Segment, offset: number, length: number): Promise<Buffer> {
    if (this.#open?.number !== segment.number) {
      await this.close();
      this.#open = { number: segment.number, file: await this.#files.open(segment.path, 'r') };
    }
    const bytes = Buffer.allocUnsafe(length);
    let read = 0;
    while (read < length) {
      const { bytesRead } = await this.#open.file.read(bytes, read, length - read, offset + read);
      if (bytesRead === 0) break;
      read += bytesRead;
    }
    return bytes.subarray(0, read);
  }
}
