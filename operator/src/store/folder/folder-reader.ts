import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { keyOf, keyText } from '../object-key.ts';
import type { FolderProblem } from './folder-problem.ts';
import type { AnyObject } from './object-rules.ts';
import { readFileObjects } from './read-file-objects.ts';

/** What one file gives: its objects as they are now or, while it is broken, as they were when last it was whole. */
export interface FileContent {
  readonly file: string;
  readonly objects: readonly AnyObject[];
}

interface KnownFile extends FileContent {
  /** Of the file and of what it refers to, from before they were read: time, size and inode. `UNSETTLED`: read again. */
  readonly fingerprint: string;
  readonly problems: readonly FolderProblem[];
  /** Other files that its text was taken from. */
  readonly sources: readonly string[];
  /** It, or what it refers to, was written just before it was read. */
  readonly isFresh: boolean;
}

const YAML_FILE = /\.(ya?ml|json)$/;

/** A file whose state cannot be told from a later one: it is read again at the next look. */
const UNSETTLED = '';
/**
 * File systems keep coarse times: of a file written this recently, another write may leave the same time and size. Who wrote it
 * may not have ended, either: many programs empty a file before they write it.
 */
export const COARSE_TIME_MS = 50;

/** What a look at the folder found. */
export interface FolderContents {
  readonly contents: readonly FileContent[];
  readonly problemsChanged: boolean;
  /** Objects are missing from a file that was written just now, and are given as they were: look again in `COARSE_TIME_MS`. */
  readonly isUnsettled: boolean;
}

/** Reads a folder again and again, and only what changed in it. */
export class FolderReader {
  readonly #folder: string;
  readonly #namespace: string;
  #known = new Map<string, KnownFile>();
  #problems: readonly FolderProblem[] = [];

  constructor(folder: string, namespace: string) {
    this.#folder = folder;
    this.#namespace = namespace;
  }

  problems(): readonly FolderProblem[] {
    return this.#problems;
  }

  /**
   * Everything that the folder says: `Now`, or as soon as it is `Settled`, which takes objects that are missing from a file for
   * removed only when nobody has written to it for a while. Throws what the file system throws when the folder itself cannot be
   * listed.
   */
  async read(when: 'Now' | 'Settled' = 'Now'): Promise<FolderContents> {
    const files = await this.#listFiles();
    const known = new Map<string, KnownFile>();
    let isUnsettled = false;
    for (const file of files) {
      const before = this.#known.get(file);
      const found = await this.#readOne(file, before);
      const isWaitedFor = when === 'Settled' && before !== undefined && found.isFresh && lacks(found, before);
      isUnsettled ||= isWaitedFor;
      known.set(file, isWaitedFor ? { ...before, fingerprint: UNSETTLED } : found);
    }
    this.#known = known;
    const { contents, duplicates } = withoutDuplicates([...known.values()]);
    const problems = [...[...known.values()].flatMap((file) => file.problems), ...duplicates];
    const problemsChanged = !isDeepStrictEqual(problems, this.#problems);
    this.#problems = problems;
    return { contents, problemsChanged, isUnsettled };
  }

  async #listFiles(): Promise<readonly string[]> {
    const entries = await readdir(this.#folder, { withFileTypes: true, recursive: true });
    return entries
      .filter((entry) => entry.isFile() && YAML_FILE.test(entry.name))
      .map((entry) => relative(this.#folder, join(entry.parentPath, entry.name)))
      .filter((file) => !file.split(sep).some((part) => part.startsWith('.') || part === 'node_modules'))
      .sort();
  }

  async #readOne(file: string, before: KnownFile | undefined): Promise<KnownFile> {
    const sources = before?.sources ?? [];
    const fingerprint = await this.#fingerprint([file, ...sources]);
    const isFresh = fingerprint === UNSETTLED;
    if (before?.fingerprint === fingerprint && !isFresh) return before;
    let text: string;
    try {
      text = await readFile(join(this.#folder, file), 'utf8');
    } catch (error) {
      const message = `cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
      return { file, fingerprint, isFresh, sources, objects: before?.objects ?? [], problems: [{ file, message }] };
    }
    const result = readFileObjects({ folder: this.#folder, file, text, namespace: this.#namespace });
    // The fingerprint is from before the reading, so that a write in between is seen the next time. Of sources that were not
    // known then there is none.
    const isComplete = isDeepStrictEqual(result.sources, sources);
    // A broken file changes nothing: neither its whole documents nor the absence of others can be trusted.
    const objects = result.problems.length === 0 ? result.objects : (before?.objects ?? []);
    return {
      file,
      isFresh,
      objects,
      problems: result.problems,
      sources: result.sources,
      fingerprint: isComplete ? fingerprint : UNSETTLED,
    };
  }

  async #fingerprint(files: readonly string[]): Promise<string> {
    const parts = await Promise.all(
      files.map(async (file) => {
        try {
          const { mtimeMs, size, ino } = await stat(join(this.#folder, file));
          if (Date.now() - mtimeMs < COARSE_TIME_MS) return undefined;
          return `${file}:${mtimeMs}:${size}:${ino}`;
        } catch (error) {
          return `${file}:${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`;
        }
      }),
    );
    return parts.includes(undefined) ? UNSETTLED : parts.join('|');
  }
}

/** Whether an object that a file had is not in it any more. */
function lacks(now: FileContent, before: FileContent): boolean {
  const there = new Set(now.objects.map(identityOf));
  return before.objects.some((object) => !there.has(identityOf(object)));
}

function identityOf(object: AnyObject): string {
  return `${object.kind} ${keyText(keyOf(object))}`;
}

/** One object has one place. Where two files define it, the first by path counts, and the other is told of. */
function withoutDuplicates(files: readonly FileContent[]): {
  readonly contents: readonly FileContent[];
  readonly duplicates: readonly FolderProblem[];
} {
  const owners = new Map<string, string>();
  const duplicates: FolderProblem[] = [];
  const contents = files.map(({ file, objects }) => ({
    file,
    objects: objects.filter((object) => {
      const identity = identityOf(object);
      const owner = owners.get(identity);
      if (owner !== undefined) {
        duplicates.push({ file, message: `${identity} is defined in ${owner} already; this definition is not used` });
        return false;
      }
      owners.set(identity, file);
      return true;
    }),
  }));
  return { contents, duplicates };
}
