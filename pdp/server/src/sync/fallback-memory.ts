import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FALLBACK_SOURCES_MAX, SETS_MAX, type SetKey } from '@edict/protocol';
import { z } from 'zod';
import { writeDurably } from './durable-file.ts';

/** What the operator last said that a start without it may need. */
export interface RememberedFallback {
  readonly sources: readonly string[];
  readonly sets: readonly SetKey[];
}

const Stored = z.object({
  sources: z.array(z.string().max(2048)).max(FALLBACK_SOURCES_MAX),
  sets: z.array(z.string().max(600)).max(SETS_MAX),
});

/** `fallback.json` in the data folder: fallback sources and the sets that are to be served here. */
export class FallbackMemory {
  readonly #path: string;
  #written: string;

  private constructor(path: string, written: string) {
    this.#path = path;
    this.#written = written;
  }

  /** Reads what was remembered. A file that cannot be read counts as absent; `onBroken` is told. */
  static async open(
    dataDir: string,
    onBroken: (path: string, reason: string) => void,
  ): Promise<{ readonly memory: FallbackMemory; readonly remembered: RememberedFallback }> {
    const path = join(dataDir, 'fallback.json');
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onBroken(path, String(error));
      return { memory: new FallbackMemory(path, ''), remembered: NOTHING };
    }
    try {
      const remembered = Stored.parse(JSON.parse(text));
      return { memory: new FallbackMemory(path, text), remembered };
    } catch (error) {
      onBroken(path, String(error));
      return { memory: new FallbackMemory(path, ''), remembered: NOTHING };
    }
  }

  /** Replaces what is remembered; nothing is written if that is what is there, or nothing ever was worth it. */
  async write(remembered: RememberedFallback): Promise<void> {
    const isEmpty = remembered.sources.length === 0;
    const text = JSON.stringify({ sources: remembered.sources, sets: remembered.sets.toSorted() });
    if (text === this.#written || (isEmpty && this.#written === '')) return;
    const before = this.#written;
    this.#written = text;
    try {
      await writeDurably(this.#path, text);
    } catch (error) {
      this.#written = before;
      throw error;
    }
  }
}

const NOTHING: RememberedFallback = { sources: [], sets: [] };
