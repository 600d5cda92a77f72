import type { Clock, FolderLock } from '@edict/protocol';
import { Checkpoint } from './checkpoint.ts';
import { encodeFrames, FRAME_HEADER_BYTES, type JournalRecord } from './frame.ts';
import { JournalReader, type BatchLimits, type JournalBatch } from './journal-reader.ts';
import type { JournalFile, JournalFiles } from './journal-files.ts';
import { openSegments, segmentPath, type Segment } from './segment.ts';

/** When what is written is forced to the disk. All survive a killed process; they differ in what a power failure takes. */
export type SyncPolicy = 'Always' | 'Interval' | 'Never';

export interface JournalOptions {
  readonly folder: string;
  /** Bytes on disk, delivered ones included until their segment goes. One group of records may exceed it. */
  readonly maxBytes: number;
  /** A new file is begun beyond this. */
  readonly segmentBytes: number;
  readonly sync: SyncPolicy;
  /** For `Interval`. */
  readonly syncIntervalMs: number;
  /** After a failed write, nothing is taken for this long; then the next record tries again. */
  readonly retryMs: number;
  readonly files: JournalFiles;
  /** What the folder was taken with; released when the journal is closed. */
  readonly lock?: FolderLock | undefined;
  readonly clock: Clock;
  /** Called when writing begins to fail; not again before a write has succeeded. */
  readonly onError: (error: unknown) => void;
  /** Called for a place where a file is not what was written; the rest of that file is passed over. */
  readonly onDamage: (path: string, offset: number) => void;
  /** Called when there may be room, or something to read, that there was not. */
  readonly onChange: () => void;
}

/** Told once: whether the record is in the journal, and as safe as {@link SyncPolicy} says. */
export type Kept = (kept: boolean) => void;

interface Entry extends JournalRecord {
  readonly told: Kept;
}

/** So much is written at once. */
const GROUP_BYTES = 4_194_304;

/** So much may wait in memory for a disk that is slow. */
const MAX_WAITING_BYTES = 16_777_216;

/**
 * An append-only journal of records on disk, read by one reader that remembers how far it is. Records that come while a
 * write is under way are written together with the next, and synced once. A write that fails takes back its group.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #checkpoint: Checkpoint;
  readonly #reader: JournalReader;
  /** Oldest first. */
  readonly #segments: Segment[];
  #segmentBytes = 0;
  #nextNumber: number;
  /** The segment that is written, last of all; undefined until the first write. */
  #open: { readonly segment: Segment; readonly file: JournalFile } | undefined;
  #entries: Entry[] = [];
  #entryBytes = 0;
  #writing: Promise<void> | undefined;
  #failing = false;
  #failedAtMs = -Infinity;
  #unsynced = false;
  #stopSyncing: (() => void) | undefined;

  private constructor(options: JournalOptions, checkpoint: Checkpoint, segments: Segment[]) {
    this.#options = options;
    this.#checkpoint = checkpoint;
    this.#segments = segments;
    for (const { bytes } of segments) this.#segmentBytes += bytes;
    // Never below the checkpoint: its segment may have been deleted as delivered.
    this.#nextNumber = Math.max(segments.at(-1)?.number ?? 0, checkpoint.position.segment) + 1;
    this.#reader = new JournalReader(options.files, checkpoint.position, options.onDamage);
    if (options.sync === 'Interval') this.#syncLater();
  }

  /** Opens the journal of a folder, which is made if missing. Rejects if that cannot be. */
  static async open(options: JournalOptions): Promise<Journal> {
    await options.files.makeFolder(options.folder);
    const checkpoint = await Checkpoint.open(options.folder, options.files);
    const segments = await openSegments(options.folder, options.files);
    const journal = new Journal(options, checkpoint, segments);
    await journal.#removeDelivered();
    return journal;
  }

  /** Bytes on disk and on the way there. */
  get bytes(): number {
    return this.#segmentBytes + this.#entryBytes;
  }

  /** Whether writing failed less than `retryMs` ago. */
  get isFailing(): boolean {
    return this.#failing && this.#options.clock.monotonic() - this.#failedAtMs < this.#options.retryMs;
  }

  /** Whether a record would be taken now. */
  get hasRoom(): boolean {
    return !this.isFailing && this.bytes < this.#options.maxBytes && this.#entryBytes < MAX_WAITING_BYTES;
  }

  /** Whether everything has been read, and nothing is on its way to the disk. */
  get isRead(): boolean {
    return this.#entries.length === 0 && this.#writing === undefined && this.#reader.isAtEnd(this.#segments);
  }

  /** Takes a record, whether there is room or not, and tells when it is kept or cannot be. */
  append(text: string, atMs: number, told: Kept): void {
    this.#entries.push({ text, atMs, told });
    this.#entryBytes += FRAME_HEADER_BYTES + text.length;
    // Decisions of one turn of the event loop are written together.
    this.#writing ??= new Promise((resolve) => setImmediate(resolve)).then(() => this.#writeAll());
  }

  /** The next records that have been written and not read, if any. */
  async read(limits: BatchLimits): Promise<JournalBatch | undefined> {
    return await this.#reader.read(this.#segments, limits);
  }

  /** The records up to the end of this batch have been delivered. */
  async delivered(batch: JournalBatch): Promise<void> {
    await this.#checkpoint.move(batch.end);
    await this.#removeDelivered();
  }

  /** Ends it: what has been taken is written, or told that it cannot be. */
  async close(): Promise<void> {
    this.#stopSyncing?.();
    await this.#writing;
    await this.#leave();
    await this.#reader.close();
    await this.#checkpoint.close();
    this.#options.lock?.release();
  }

  async #writeAll(): Promise<void> {
    while (this.#entries.length > 0) {
      const group = this.#nextGroup();
      const error = await this.#write(group).then(
        () => undefined,
        (thrown: unknown) => thrown ?? new Error('unknown failure'),
      );
      if (error === undefined) this.#failing = false;
      else {
        if (!this.#failing) this.#options.onError(error);
        this.#failing = true;
        this.#failedAtMs = this.#options.clock.monotonic();
        this.#options.clock.schedule(this.#options.retryMs, this.#options.onChange);
      }
      for (const { told } of group) told(error === undefined);
      if (error === undefined) this.#options.onChange();
    }
    this.#writing = undefined;
  }

  #nextGroup(): readonly Entry[] {
    let bytes = 0;
    const more = this.#entries.findIndex(({ text }) => {
      bytes += FRAME_HEADER_BYTES + text.length;
      return bytes > GROUP_BYTES;
    });
    // One that is longer than a group is a group.
    const group = this.#entries.splice(0, more < 0 ? this.#entries.length : Math.max(1, more));
    for (const { text } of group) this.#entryBytes -= FRAME_HEADER_BYTES + text.length;
    return group;
  }

  async #write(group: readonly Entry[]): Promise<void> {
    const bytes = encodeFrames(group);
    const { segment, file } = await this.#writable();
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await file.write(bytes, done, bytes.length - done, segment.bytes + done)).bytesWritten;
      }
      if (this.#options.sync === 'Always') await file.datasync();
      else this.#unsynced = true;
      segment.bytes += bytes.length;
      this.#segmentBytes += bytes.length;
    } catch (error) {
      await this.#takeBack(segment, file);
      throw error;
    }
  }

  /** The segment to write to: a new one after a restart, and when the last one is long enough. */
  async #writable(): Promise<{ readonly segment: Segment; readonly file: JournalFile }> {
    if (this.#open !== undefined && this.#open.segment.bytes < this.#options.segmentBytes) return this.#open;
    await this.#leave();
    const number = this.#nextNumber++;
    const path = segmentPath(this.#options.folder, number);
    const file = await this.#options.files.open(path, 'wx+');
    const segment: Segment = { number, path, bytes: 0 };
    this.#segments.push(segment);
    const opened = { segment, file };
    this.#open = opened;
    if (this.#options.sync !== 'Never') await this.#syncFolder();
    return opened;
  }

  /** A disk that is full often takes a part. If that cannot be cut off, or syncing failed, the file is written no more. */
  async #takeBack(segment: Segment, file: JournalFile): Promise<void> {
    try {
      await file.truncate(segment.bytes);
      await file.datasync();
    } catch {
      // The write's own error is what is told. Reading stops at the last whole frame that counts.
      this.#open = undefined;
      await file.close().catch(() => undefined);
    }
  }

  async #leave(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    try {
      await this.#sync(open.file);
    } finally {
      await open.file.close();
    }
  }

  async #sync(file: JournalFile): Promise<void> {
    if (!this.#unsynced || this.#options.sync === 'Never') return;
    this.#unsynced = false;
    await file.datasync();
  }

  /** Without it a power failure may take a file back whose content was synced. */
  async #syncFolder(): Promise<void> {
    const folder = await this.#options.files.open(this.#options.folder, 'r');
    try {
      await folder.datasync();
    } finally {
      await folder.close();
    }
  }

  #syncLater(): void {
    this.#stopSyncing = this.#options.clock.schedule(this.#options.syncIntervalMs, () => {
      const syncing = this.#open === undefined ? Promise.resolve() : this.#sync(this.#open.file);
      void syncing.catch((error: unknown) => this.#options.onError(error)).then(() => this.#syncLater());
    });
  }

  /** Segments that have been delivered as a whole go; the one that is written only once it is long enough. */
  async #removeDelivered(): Promise<void> {
    for (;;) {
      const [oldest] = this.#segments;
      if (oldest === undefined || !this.#isDelivered(oldest)) return;
      if (oldest === this.#open?.segment) {
        if (this.#writing !== undefined || oldest.bytes < this.#options.segmentBytes) return;
        await this.#leave();
      }
      await this.#options.files.remove(oldest.path);
      this.#segments.shift();
      this.#segmentBytes -= oldest.bytes;
      this.#options.onChange();
    }
  }

  #isDelivered({ number, bytes }: Segment): boolean {
    const { segment, offset } = this.#checkpoint.position;
    return number < segment || bytes === 0 || (number === segment && bytes <= offset);
  }
}
