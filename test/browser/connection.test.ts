import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { launchBrowser, picture, visit, type Visit } from './browser.ts';
import { startStage, type Stage } from './stage.ts';

let stage: Stage;
let browser: Browser;
let open: Visit | undefined;

beforeAll(async () => {
  stage = await startStage();
  await stage.createSet('till', {}, 1);
  await stage.createDomain();
  await stage.untilPhase('till', 1, 'Completed');
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

test('a cut line is told with the age of what is shown; mended, the stream goes on where it was', async () => {
  open = await visit(browser, stage.url, '#/sets/shop/till', { token: 'alice' });
  const { page } = open;
  const resumed: string[] = [];
  page.on('request', (request) => {
    const id = request.headers()['last-event-id'];
    if (request.url().endsWith('/events') && id !== undefined) resumed.push(id);
  });
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByRole('heading', { name: 'Rollout', exact: true }).waitFor();
  stage.line.cut();
  await page.getByText(/^Disconnected for \d+ s\./).waitFor();
  await page.getByText(/What you see is \d+ s old/).waitFor();
  await page.getByText('Disconnected from the operator.').waitFor({ state: 'attached' });
  await picture(page, 'disconnected');
  // What was seen last stays.
  expect(await page.getByRole('heading', { name: 'shop/till' }).count()).toBe(1);
  await stage.edit('bob');
  await stage.untilPhase('till', 2, 'Completed');
  expect(await page.getByText('Revision 2', { exact: true }).count()).toBe(0);
  // The page tries by itself, too: the button may be gone before a mouse has found it.
  const tryNow = await page.getByRole('button', { name: 'Try now' }).elementHandle();
  stage.line.mend();
  await tryNow.evaluate((button) => (button as unknown as { click: () => void }).click());
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'Revision 2', exact: true }).waitFor();
  expect(resumed.at(-1)).toMatch(/./);
  expect(await page.getByText(/^Disconnected for/).count()).toBe(0);
});

test('it comes back by itself', async () => {
  open = await visit(browser, stage.url, '', { token: 'alice' });
  const { page } = open;
  await page.getByText('Live', { exact: true }).waitFor();
  stage.line.cut();
  await page.getByText(/^Disconnected for \d+ s\./).waitFor();
  stage.line.mend();
  await page.getByText('Live', { exact: true }).waitFor();
});

test('a set that is made while one looks appears by itself', async () => {
  open = await visit(browser, stage.url, '', { token: 'alice' });
  const { page } = open;
  await page.getByRole('link', { name: 'shop/till' }).waitFor();
  await stage.createSet('kiosk', {}, 1);
  await page.getByRole('link', { name: 'shop/kiosk' }).waitFor();
});
