import type { PageFiles } from '../../operator/console/page-files.ts';

/** Where the set-up hands the page to the tests. */
export const PAGE_VARIABLE = 'EDICT_BROWSER_PAGE';

/** The page, as it was built from source. Throws outside of a run with the set-up. */
export function builtPage(): PageFiles {
  const text = process.env[PAGE_VARIABLE];
  if (text === undefined) throw new Error(`${PAGE_VARIABLE} is not set: run jest with this folder's config`);
  return JSON.parse(text) as PageFiles;
}

/** A folder for screenshots; undefined if nobody wants them. */
export function screenshotFolder(): string | undefined {
  return process.env['EDICT_SCREENSHOTS'];
}
