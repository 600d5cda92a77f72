import { rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Gives a file new content at one moment: who watches its folder never sees it empty or half written. */
export async function replaceFile(path: string, text: string): Promise<void> {
  // A name with a dot in front is not read as policy.
  const aside = join(dirname(path), `.${basename(path)}`);
  await writeFile(aside, text);
  await rename(aside, path);
}
