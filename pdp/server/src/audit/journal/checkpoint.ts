import { join } from 'node:path';
import { codeOf } from '@edict/protocol';
import { crc32c } from './crc32c.ts';
import type { JournalFile, JournalFiles } from './journal-files.ts';

/** A place in a journal: number of the segment, and offset in bytes. */
export interface Position {
  readonly segment: number;
  readonly offset: number;
}

/** Count of writes, segment and offset (f64 each), CRC-32C of them; padded. */
const SLOT_BYTES = 32;
const START: Position = { segment: 0, offset: 0 };

/**
 * Where the first record stands that has not been delivered, on disk. Two slots are written in turn, so that a write that
 * is cut short leaves the one before. It needs no further space on the disk once it is there.
 */
export class Checkpoint {
  readonly #file: JournalFile;
  #writes: number;
  #position: Position;

  private constructor(file: JournalFile, writes: number, position: Position) {
    this.#file = file;
    this.#writes = writes;
    this.#position = position;
  }

  /** Opens the checkpoint of a folder; one that is missing or unreadable stands before everything. */
  static async open(folder: string, files: JournalFiles): Promise<Checkpoint> {
    const path = join(folder, 'checkpoint');
    const file = await files.open(path, 'r+').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return files.open(path, 'wx+');
      throw error;
    });
    const bytes = Buffer.alloc(2 * SLOT_BYTES);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    const slots = [0, SLOT_BYTES]
      .filter((at) => at + SLOT_BYTES <= bytesRead && crc32c(bytes, at, at + 24) === bytes.readUInt32BE(at + 24))
      .map((at) => ({
        writes: bytes.readDoubleBE(at),
        position: { segment: bytes.readDoubleBE(at + 8), offset: bytes.readDoubleBE(at + 16) },
      }));
    const newest = slots.reduce((best, slot) => (slot.writes > best.writes ? slot : best), {
      writes: 0,
      position: START,
    });
    if (bytesRead < bytes.length) await file.write(bytes, bytesRead, bytes.length - bytesRead, bytesRead);
    return new Checkpoint(file, newest.writes, newest.position);
  }

  get position(): Position {
    return this.#position;
  }

  /** Moves it. What a power failure takes back of it leads to records that are delivered twice, never to a loss. */
  async move(position: Position): Promise<void> {
    const writes = this.#writes + 1;
    const slot = Buffer.alloc(SLOT_BYTES);
    slot.writeDoubleBE(writes, 0);
    slot.writeDoubleBE(position.segment, 8);
    slot.writeDoubleBE(position.offset, 16);
    slot.writeUInt32BE(crc32c(slot, 0, 24), 24);
    this.#position = position;
    await this.#file.write(slot, 0, SLOT_BYTES, (writes % 2) * SLOT_BYTES);
    this.#writes = writes;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
