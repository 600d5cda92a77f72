import { BROWSER_PACKAGES, ensureSystemPackages } from '../../scripts/system-packages.ts';
import { buildPage } from '../../operator/console/build-page.ts';
import { PAGE_VARIABLE } from './environment.ts';

/** Finds or installs Chromium, and builds the page once for all files. */
async function setUp(): Promise<void> {
  await ensureSystemPackages(BROWSER_PACKAGES, (line) => console.error(line));
  process.env[PAGE_VARIABLE] = JSON.stringify(await buildPage());
}

export { setUp as default };
