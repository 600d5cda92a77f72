import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, type Clock } from '@edict/protocol';
import { asLines } from '../as-lines.ts';
import type { SyncPolicy } from '../journal/journal.ts';
import { putAside, tidyAside, type RotationSettings } from './rotation.ts';
import { DELIVERED, type Delivery, type Target } from './target.ts';

export interface FileTargetOptions {
  readonly path: string;
  readonly rotate: RotationSettings;
  /** When lines are forced to the disk: with each delivery, at least every `syncIntervalMs`, or when the system likes. */
  readonly sync: SyncPolicy;
  readonly syncIntervalMs: number;
  readonly clock: Clock;
  /** Putting aside, compressing or deleting old files failed; records are written all the same. */
  readonly onError: (error: unknown) => void;
}

/** How often it is looked whether someone has moved the file away. */
const LOOK_MS = 1_000;

const LINE_FEED = 0x0a;

/**
 * Lines at the end of a file, which is rotated here, or by someone else: a file that was moved or deleted is begun anew
 * within a second, or at once after `reopen`. A write that fails is taken back, so that no line is there in part.
 */
export function fileTarget(options: FileTargetOptions): Target {
  return new FileTarget(options);
}

class FileTarget implements Target {
  readonly #options: FileTargetOptions;
  #file: FileHandle | undefined;
  #beganMs = 0;
  #lookedMs = -Infinity;
  #wantsReopen = false;
  #unsynced = false;
  #stopSync: (() => void) | undefined;
  #tidying: Promise<void> | undefined;

  constructor(options: FileTargetOptions) {
    this.#options = options;
  }

  readonly deliver = async (texts: readonly string[]): Promise<Delivery> => {
    const bytes = asLines(texts);
    const file = await this.#writable(bytes.length);
    const { size } = await file.stat();
    try {
      // The file is open for appending: it may have been cut off by someone who copied it.
      for (let done = 0; done < bytes.length;) {
        done += (await file.write(bytes, done, bytes.length - done, null)).bytesWritten;
      }
      if (this.#options.sync === 'Always') await file.datasync();
    } catch (error) {
      // What cannot be taken back is ended by a line feed when the file is opened again.
      await file.truncate(size).catch(() => undefined);
      await this.#leave().catch(() => undefined);
      throw error;
    }
    if (this.#options.sync === 'Interval') this.#syncSoon();
    return DELIVERED;
  };

  readonly reopen = (): void => {
    this.#wantsReopen = true;
  };

  readonly close = async (): Promise<void> => {
    await this.#leave();
    await this.#tidying;
  };

  async #writable(bytes: number): Promise<FileHandle> {
    if (this.#file !== undefined && (await this.#isGone(this.#file))) await this.#leave();
    const file = this.#file ?? (await this.#begin());
    const { size } = await file.stat();
    const { rotate, clock, path, onError } = this.#options;
    const isOld = clock.now() - this.#beganMs >= rotate.maxAgeMs;
    if (size === 0 || (size + bytes <= rotate.maxBytes && !isOld)) return file;
    await this.#leave();
    try {
      await putAside(path, clock.now());
    } catch (error) {
      onError(error); // a file that is too long is better than none
      return await this.#begin();
    }
    this.#tidy();
    return await this.#begin();
  }

  async #begin(): Promise<FileHandle> {
    const { path, clock } = this.#options;
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a+', 0o600);
    this.#file = file;
    this.#lookedMs = clock.monotonic();
    try {
      const { size, birthtimeMs } = await file.stat();
      // Where the system does not know when it was made, it is as old as this process' hold on it.
      this.#beganMs = size > 0 && birthtimeMs > 0 ? birthtimeMs : clock.now();
      if (size > 0) {
        const last = Buffer.alloc(1);
        await file.read(last, 0, 1, size - 1);
        if (last[0] !== LINE_FEED) await file.write(Buffer.of(LINE_FEED)); // a crash, or a disk that was full
      } else if (this.#options.sync === 'Always') await syncFolder(dirname(path));
      if (this.#tidying === undefined) this.#tidy();
    } catch (error) {
      await this.#leave().catch(() => undefined);
      throw error;
    }
    return file;
  }

  async #isGone(file: FileHandle): Promise<boolean> {
    const now = this.#options.clock.monotonic();
    if (!this.#wantsReopen && now - this.#lookedMs < LOOK_MS) return false;
    this.#lookedMs = now;
    if (this.#wantsReopen) {
      this.#wantsReopen = false;
      return true;
    }
    const mine = await file.stat();
    try {
      const there = await stat(this.#options.path);
      return there.ino !== mine.ino || there.dev !== mine.dev;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return true;
      throw error;
    }
  }

  #tidy(): void {
    const { path, rotate, onError } = this.#options;
    const before = this.#tidying ?? Promise.resolve();
    this.#tidying = before.then(() => tidyAside(path, rotate)).catch(onError);
  }

  #syncSoon(): void {
    this.#unsynced = true;
    this.#stopSync ??= this.#options.clock.schedule(this.#options.syncIntervalMs, () => {
      this.#stopSync = undefined;
      if (!this.#unsynced || this.#file === undefined) return;
      this.#unsynced = false;
      this.#file.datasync().catch(this.#options.onError);
    });
  }

  async #leave(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    try {
      if (this.#unsynced) await file.datasync();
      this.#unsynced = false;
    } finally {
      await file.close();
    }
  }
}

/** Without it a power failure may take a new file back whose content was synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.datasync();
  } finally {
    await folder.close();
  }
}
