import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { launchBrowser, picture, visit, type Look, type Visit } from './browser.ts';
import { startStage, type Stage } from './stage.ts';
import { waitFor } from '../support/wait-for.ts';

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
  open = undefined;
});
afterAll(async () => {
  await browser.close();
  await stage.close();
});

async function enter(hash: string, look: Look = {}): Promise<Visit['page']> {
  open = await visit(browser, stage.url, hash, look);
  return open.page;
}

test('a wrong token is refused with a reason, and a right one leads to where the address points', async () => {
  const page = await enter('#/sets/shop/till');
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.getByRole('button', { name: 'Sign in' }).click();
  expect(await page.getByRole('alert').textContent()).toBe('Paste a token first.');
  await page.getByRole('textbox', { name: 'Token' }).fill('made-up');
  await page.keyboard.press('Enter');
  await page.getByText('This token was refused').waitFor();
  await picture(page, 'sign-in-refused');
  await page.getByRole('textbox', { name: 'Token' }).fill('alice');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'shop/till' }).waitFor();
  expect(await page.title()).toBe('shop/till, rollout · Edict');
});

test('the token stays in the tab, survives a reload, and is forgotten when one signs out', async () => {
  const page = await enter('', { token: 'alice' });
  await page.getByRole('link', { name: 'shop/till' }).waitFor();
  const kept = 'JSON.stringify([Object.values(localStorage), document.cookie, sessionStorage.getItem("edict-token")])';
  expect(await page.evaluate(kept)).toBe('[[],"","alice"]');
  await page.reload();
  await page.getByRole('link', { name: 'shop/till' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(await page.evaluate(kept)).toBe('[[],"",null]');
  await page.reload();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

test('a token that expires in the middle ends the session, says so, and hides what was seen', async () => {
  const page = await enter('#/sets/shop/till/fleet', { token: 'approver' });
  await page.getByRole('table').waitFor();
  stage.users.expire('approver');
  await page.getByText('Your session is over').waitFor();
  expect(await page.getByRole('table').count()).toBe(0);
  expect(await page.evaluate('sessionStorage.getItem("edict-token")')).toBeNull();
});

test('who may see nothing is told so', async () => {
  const page = await enter('', { token: 'stranger' });
  await page.getByText('There are sets, but none that you may see').waitFor();
  await open?.go('#/sets/shop/till');
  await page.getByText('You may not get policysets in namespace shop').waitFor();
  expect(await page.getByRole('button', { name: 'Pause' }).count()).toBe(0);
});

test('who may only look finds every button off, with the reason, and none of them asks for anything', async () => {
  const page = await enter('#/sets/shop/till', { token: 'reader' });
  const asked: string[] = [];
  page.on('request', (request) => {
    if (request.method() !== 'GET') asked.push(request.url());
  });
  const actions = page.getByRole('group', { name: 'Actions' });
  for (const name of ['Pause', 'Approve wave', 'Abort rollout', 'Undo']) {
    const button = actions.getByRole('button', { name });
    await button.waitFor();
    expect(await button.getAttribute('aria-disabled')).toBe('true');
    expect(await button.getAttribute('title')).toMatch(/^You may not update policy(sets|revisions) in shop\.$/);
    await button.click({ force: true });
    await actions.getByRole('status').getByText(`${name}: You may not update`).waitFor();
  }
  expect(await page.getByRole('dialog').count()).toBe(0);
  expect(asked).toStrictEqual([]);
  await picture(page, 'reader');
});

test('without an operator the page says so, keeps the token, and goes on when it is asked to', async () => {
  const page = await enter('', { token: 'alice' });
  await page.getByRole('link', { name: 'shop/till' }).waitFor();
  await page.route('**/api/v1/whoami', (route) => route.abort());
  await page.reload();
  await page.getByRole('heading', { name: 'No answer from the operator' }).waitFor();
  await page.unroute('**/api/v1/whoami');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('link', { name: 'shop/till' }).waitFor();
});

test('the page comes with a policy that allows nothing inline and nothing from elsewhere', async () => {
  const page = await enter('', { token: 'alice' });
  await page.getByRole('link', { name: 'shop/till' }).waitFor();
  const response = await fetch(stage.url);
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
  // What the policy forbids is not done: a script that is put in does not run.
  await page.evaluate(
    `{ const script = document.createElement('script'); script.textContent = 'window.wasRun = true'; document.head.append(script); }`,
  );
  expect(await page.evaluate('window.wasRun === undefined')).toBe(true);
  await waitFor('the refusal is reported', () => (open?.wrongs.length ?? 0) > 0);
  expect((open?.wrongs as string[]).splice(0).join()).toContain('Content Security Policy');
});
