import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, picture, visit, type Visit } from './browser.ts';
import { startStage, type Stage } from './stage.ts';

const PDPS = 120;
const FLEET = '#/sets/shop/till/fleet';

let stage: Stage;
let browser: Browser;
let open: Visit | undefined;

beforeAll(async () => {
  stage = await startStage();
  await stage.createSet('till', {}, PDPS);
  let refusals = 0;
  // One PDP of the second set refuses from its second revision on.
  await stage.createSet('kiosk', {}, 1, () => ((refusals += 1) > 1 ? 'line 3: var x is unsafe' : undefined));
  await stage.createDomain();
  // The operator lets so many in one after the other.
  await stage.untilServed('till', 1);
  await stage.untilServed('kiosk', 1);
  await stage.edit('bob');
  await stage.untilPhase('kiosk', 2, 'Aborted');
  // Pages are sorted by state: nobody's changes any more.
  await stage.untilServed('till', 2);
  await stage.untilPhase('till', 2, 'Completed');
  browser = await launchBrowser();
});
afterEach(async () => {
  expect(open?.wrongs ?? []).toStrictEqual([]);
  await open?.context.close();
});
afterAll(async () => {
  await browser.close();
  await stage.close();
});

async function enter(hash: string): Promise<Page> {
  open = await visit(browser, stage.url, hash, { token: 'reader' });
  await open.page.getByRole('table').first().waitFor();
  return open.page;
}

/** Names of the pods on the page. */
const pods = (page: Page): Promise<readonly string[]> => page.getByRole('rowheader').allTextContents();

test('a fleet is turned page by page, each PDP once', async () => {
  const page = await enter(FLEET);
  await page.getByText(`1 to 50 of ${PDPS}`).waitFor();
  await picture(page, 'fleet');
  const seen = [...(await pods(page))];
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText(`51 to 100 of ${PDPS}`).waitFor();
  seen.push(...(await pods(page)));
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText(`101 to ${PDPS} of ${PDPS}`).waitFor();
  seen.push(...(await pods(page)));
  expect([seen.length, new Set(seen).size]).toStrictEqual([PDPS, PDPS]);
  expect(await page.getByRole('button', { name: 'Next' }).getAttribute('aria-disabled')).toBe('true');
  await page.getByRole('button', { name: 'Previous' }).click();
  await page.getByText(`51 to 100 of ${PDPS}`).waitFor();
});

test('until the next page is there, the one before is shown and counted, and turned only once', async () => {
  const page = await enter(FLEET);
  await page.getByText(`1 to 50 of ${PDPS}`).waitFor();
  const first = await pods(page);
  const release = Promise.withResolvers<undefined>();
  await page.route('**/pdps?*continue=*', async (route) => {
    await release.promise;
    await route.continue();
  });
  const asked = page.waitForRequest('**/pdps?*continue=*');
  await page.getByRole('button', { name: 'Next' }).click();
  await asked;
  await page.getByRole('button', { name: 'Next' }).click();
  await page.locator('[aria-label="Fleet"][aria-busy="true"]').waitFor();
  await page.getByText(`1 to 50 of ${PDPS}`).waitFor();
  expect(await pods(page)).toStrictEqual(first);
  release.resolve(undefined);
  await page.getByText(`51 to 100 of ${PDPS}`).waitFor();
  expect(new Set([...first, ...(await pods(page))]).size).toBe(100);
  await page.locator('[aria-label="Fleet"][aria-busy="false"]').waitFor();
});

test('a fleet is filtered by state and by pod; the address keeps it', async () => {
  const page = await enter(FLEET);
  await page.getByLabel('State').selectOption('Missing');
  await page.getByText(`None of the ${PDPS} PDPs is like that.`).waitFor();
  await page.getByLabel('State').selectOption('Active');
  await page.getByLabel('Pod').fill('pdp-119');
  await page.getByText(`1 PDP of ${PDPS}`).waitFor();
  expect(await pods(page)).toStrictEqual(['shop/pdp-119']);
  expect(page.url()).toContain('state=Active');
  await page.reload();
  await page.getByText(`1 PDP of ${PDPS}`).waitFor();
  expect(await page.getByLabel('Pod').inputValue()).toBe('pdp-119');
});

test('a PDP that refuses is named with its reason, and explained', async () => {
  const page = await enter('#/sets/shop/kiosk');
  await page.getByText('var x is unsafe').first().waitFor();
  await picture(page, 'refused');
  await page.getByRole('link', { name: 'Fleet', exact: true }).click();
  const row = page.getByRole('row', { name: /shop\/pdp-/ });
  await row.getByText('var x is unsafe').waitFor();
  await row.getByRole('link').click();
  await page.getByRole('heading', { name: /^shop\/pdp-/ }).waitFor();
  await page.getByText('Nacked', { exact: true }).waitFor();
  await page.getByText('var x is unsafe').first().waitFor();
  await picture(page, 'why-a-pdp');
});
