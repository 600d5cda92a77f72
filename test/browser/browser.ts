import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { screenshotFolder } from './environment.ts';

/** Debian's Chromium. */
const CHROMIUM = '/usr/bin/chromium';

/** Starts the browser. As root it has no sandbox; it talks to nobody but the page. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    chromiumSandbox: false,
    args: ['--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run'],
  });
}

/** How a page is looked at. */
export interface Look {
  readonly token?: string;
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
}

/** A page, and everything of it that should not happen. */
export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts, refusals by the content security policy, and requests that went elsewhere. */
  readonly wrongs: readonly string[];
  /** Opens another address of the same page. */
  readonly go: (hash: string) => Promise<void>;
}

/** Opens the page at `hash`, signed in with a token if there is one. */
export async function visit(browser: Browser, url: string, hash: string, look: Look = {}): Promise<Visit> {
  const { token, scheme = 'light', width = 1280 } = look;
  const context = await browser.newContext({
    viewport: { width, height: 860 },
    colorScheme: scheme,
    reducedMotion: 'reduce',
  });
  if (token !== undefined)
    await context.addInitScript(`if (!sessionStorage.getItem('visited')) {
      sessionStorage.setItem('visited', 'yes');
      sessionStorage.setItem('edict-token', ${JSON.stringify(token)});
    }`);
  const page = await context.newPage();
  const wrongs: string[] = [];
  page.on('pageerror', (error) => wrongs.push(`script: ${error.message}`));
  page.on('console', (message) => {
    // The browser reports answers such as 401 by itself; that the page takes them well is tested.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      wrongs.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) wrongs.push(`request to ${request.url()}`);
  });
  const go = async (to: string): Promise<void> => {
    await page.goto(`${url}${to}`);
  };
  await go(hash);
  return { page, context, wrongs, go };
}

/** Keeps a picture for people to look at, if anybody wants them. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = screenshotFolder();
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}
