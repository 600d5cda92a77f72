import { watch, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

/** How long files have to be quiet before a change counts: editors write several times. */
export const QUIET_MS = 100;

/**
 * Calls `work` at once and then whenever something below the paths has changed and files have been quiet for
 * {@link QUIET_MS}, until `signal` is aborted. Changes during the first call count. One call ends before the next starts.
 * Resolves when the signal is aborted; rejects for paths that cannot be watched, and with what `work` rejects with.
 */
export async function watchPaths(
  paths: readonly string[],
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const watchers = await Promise.all(paths.map(openWatcher));
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  try {
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        running = running.then(work);
        running.catch(reject);
      };
      for (const { watcher, isWanted } of watchers) {
        watcher.on('change', (_event, name) => {
          if (!isWanted(String(name))) return;
          clearTimeout(timer);
          timer = setTimeout(start, QUIET_MS);
        });
        watcher.on('error', reject);
      }
      start();
      if (signal.aborted) resolve();
      else {
        signal.addEventListener(
          'abort',
          () => {
            resolve();
          },
          { once: true },
        );
      }
    });
    clearTimeout(timer);
    await running;
  } finally {
    clearTimeout(timer);
    for (const { watcher } of watchers) watcher.close();
  }
}

interface PathWatcher {
  readonly watcher: FSWatcher;
  readonly isWanted: (name: string) => boolean;
}

/** A file is watched by its folder: editors replace files. */
async function openWatcher(path: string): Promise<PathWatcher> {
  if ((await stat(path)).isDirectory()) return { watcher: watch(path, { recursive: true }), isWanted: () => true };
  return { watcher: watch(dirname(path)), isWanted: (name) => name === basename(path) };
}
