import axe, { type AxeResults } from 'axe-core';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { waitFor } from '../support/wait-for.ts';
import { launchBrowser, picture, visit, type Look } from './browser.ts';
import { startStage, type Stage } from './stage.ts';

let stage: Stage;
let empty: Stage;
let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
  empty = await startStage();
  stage = await startStage();
  const approvals = {
    waves: [
      { principals: '5%', approval: 'Required' },
      { all: true, approval: 'Required' },
    ],
  };
  await stage.createSet('till', { rollout: approvals }, 3);
  let compiled = 0;
  await stage.createSet('kiosk', {}, 1, () => ((compiled += 1) > 1 ? 'line 3: var x is unsafe' : undefined));
  await stage.createDomain();
  await stage.untilPhase('till', 1, 'Completed');
  await stage.untilPhase('kiosk', 1, 'Completed');
  await stage.edit('bob');
  await stage.untilPhase('till', 2, 'AwaitingApproval');
  await stage.untilPhase('kiosk', 2, 'Aborted');
});
afterAll(async () => {
  await browser.close();
  await stage.close();
  await empty.close();
});

/** Opens a page and waits until it says what it is about. */
async function enter(hash: string, until: string, look: Look = {}, on: Stage = stage): Promise<Page> {
  const { page } = await visit(browser, on.url, hash, look);
  await page.getByText(until).first().waitFor();
  return page;
}

async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const { violations: found } = await page.evaluate<AxeResults>(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
  );
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join('; ')}`);
}

const TILL = '#/sets/shop/till';
const PAGES: readonly (readonly [name: string, hash: string, until: string, token: string | undefined])[] = [
  ['sign-in', '', 'Sign in', undefined],
  ['overview', '#/', 'shop/till', 'alice'],
  ['rollout', TILL, 'Awaits approval, wave 1 of 2', 'alice'],
  ['rollout-without-rights', TILL, 'Awaits approval, wave 1 of 2', 'reader'],
  ['rollout-failed', '#/sets/shop/kiosk', 'Rollout of revision 2', 'alice'],
  ['fleet', `${TILL}/fleet`, 'shop/pdp-', 'alice'],
  ['history', `${TILL}/history`, 'serving', 'alice'],
  ['compare', `${TILL}/diff?from=1&to=2`, 'mrn:policy:main', 'alice'],
  ['revision', `${TILL}/history/2`, 'Carries 1 domain', 'alice'],
  ['no-such-page', '#/nothing', 'There is no such page', 'alice'],
];

describe.each(['light', 'dark'] as const)('in %s', (scheme) => {
  test.each(PAGES)('%s breaks no rule', async (name, hash, until, token) => {
    const page = await enter(hash, until, { scheme, ...(token === undefined ? {} : { token }) });
    expect(await violations(page)).toStrictEqual([]);
    await picture(page, `${scheme}-${name}`);
    await page.context().close();
  });

  test('a dialog breaks no rule', async () => {
    const page = await enter(TILL, 'Awaits approval, wave 1 of 2', { scheme, token: 'alice' });
    await page.getByRole('button', { name: 'Abort rollout' }).click();
    await page.getByRole('dialog').waitFor();
    expect(await violations(page)).toStrictEqual([]);
    await picture(page, `${scheme}-dialog`);
    await page.context().close();
  });

  test('an operator without sets says what to do', async () => {
    const page = await enter('', 'There is no policy set yet', { scheme, token: 'alice' }, empty);
    expect(await violations(page)).toStrictEqual([]);
    await picture(page, `${scheme}-empty`);
    await page.context().close();
  });
});

test.each(PAGES)('%s fits into 360 pixels', async (name, hash, until, token) => {
  const page = await enter(hash, until, { width: 360, ...(token === undefined ? {} : { token }) });
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
  await picture(page, `narrow-${name}`);
  await page.context().close();
});

test('the theme follows the system until the reader chooses, and the choice stays', async () => {
  const page = await enter('', 'shop/till', { scheme: 'dark', token: 'alice' });
  const ground = (): Promise<string> =>
    page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
  const dark = await ground();
  await page.getByRole('button', { name: 'Theme: auto' }).click();
  await page.getByRole('button', { name: 'Theme: light' }).waitFor();
  const light = await ground();
  expect(light).not.toBe(dark);
  await page.reload();
  await page.getByRole('button', { name: 'Theme: light' }).waitFor();
  expect(await ground()).toBe(light);
  await page.context().close();
});

/** What has the focus, as its role and name would be read. */
const focused = (page: Page): Promise<string> =>
  page.evaluate<string>(`(() => {
    const at = document.activeElement;
    return at.tagName.toLowerCase() + ' ' + (at.labels?.[0]?.textContent ?? at.textContent).trim();
  })()`);

test('everything is reached by the keyboard, in the order of the page', async () => {
  const page = await enter('', 'shop/till', { token: 'alice' });
  const walked: string[] = [];
  for (let step = 0; step < 9; step += 1) {
    await page.keyboard.press('Tab');
    walked.push(await focused(page));
  }
  expect(walked.map((each) => each.replace(/All \(.*/, '').trim())).toStrictEqual([
    'a Skip to the content',
    'a Edict',
    'a Policy sets',
    'button Theme: auto',
    'button Sign out',
    'select State',
    'input Name',
    'a shop/kiosk',
    'a shop/till',
  ]);
  await page.keyboard.press('Enter');
  await waitFor('the focus is on the heading of the set', async () => (await focused(page)) === 'h1 shop/till');
  await page.getByRole('button', { name: 'Pause' }).waitFor();
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe('button Pause');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  expect(await focused(page)).toMatch(/^textarea Reason/);
  // The focus stays inside of the dialog, and comes back to the button.
  for (let step = 0; step < 6; step += 1) {
    await page.keyboard.press('Tab');
    expect(
      await page.evaluate('document.activeElement === document.body || !!document.activeElement.closest("dialog")'),
    ).toBe(true);
  }
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect(await focused(page)).toBe('button Pause');
  expect((await stage.set('till')).spec.paused).toBe(false);
  await page.context().close();
});

test('the skip link leads past the top', async () => {
  const page = await enter(TILL, 'Awaits approval', { token: 'alice' });
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe('a Skip to the content');
  await page.keyboard.press('Enter');
  expect(await page.evaluate('document.activeElement.id')).toBe('main');
  expect(page.url()).toContain(TILL);
  await page.context().close();
});

test('progress is read out, and keeps the focus where it is', async () => {
  const page = await enter(TILL, 'Awaits approval, wave 1 of 2', { token: 'alice' });
  const progress = page.getByRole('status', { name: 'Progress' });
  await progress.getByText('till: Revision 2').waitFor({ state: 'attached' });
  const before = await progress.textContent();
  await page.getByRole('button', { name: 'Undo' }).focus();
  await page.evaluate('window.focusedBefore = document.activeElement');
  await stage.edit('carol');
  await page.getByRole('heading', { name: 'Rollout of revision 3' }).waitFor();
  await waitFor('the progress is another', async () => (await progress.textContent()) !== before);
  expect(await page.evaluate('document.activeElement === window.focusedBefore')).toBe(true);
  await page.context().close();
});
