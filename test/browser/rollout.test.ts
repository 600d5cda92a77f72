import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, picture, visit, type Visit } from './browser.ts';
import { startStage, type Stage } from './stage.ts';

const PAGE = '#/sets/shop/till';
const WAVES = [
  { principals: '5%', approval: 'Required' },
  { all: true, approval: 'Required' },
];

let stage: Stage;
let browser: Browser;
let open: Visit | undefined;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterEach(async () => {
  expect(open?.wrongs ?? []).toStrictEqual([]);
  await open?.context.close();
  open = undefined;
  await stage.close();
});
afterAll(async () => {
  await browser.close();
});

/** A set with two waves, each to be approved, whose first revision is served by two PDPs. */
async function enter(token = 'alice', hash = PAGE, spec: object = { rollout: { waves: WAVES } }): Promise<Page> {
  stage = await startStage();
  await stage.createSet('till', spec, 2);
  await stage.createDomain();
  await stage.untilPhase('till', 1, 'Completed');
  open = await visit(browser, stage.url, hash, { token });
  return open.page;
}

const served = (): readonly number[] => (stage.pdps.get('till') ?? []).map((pdp) => pdp.served());

/** Presses a button of the set and gives the dialog that opens. */
async function press(page: Page, name: string) {
  await page.getByRole('group', { name: 'Actions' }).getByRole('button', { name, disabled: false }).click();
  return page.getByRole('dialog');
}

test('a rollout is followed from the edit to the last PDP without a reload, and approved wave by wave', async () => {
  const page = await enter();
  await page.getByRole('heading', { name: 'Rollout', exact: true }).waitFor();
  await page.evaluate('window.isThisVeryPage = true');
  await stage.edit('bob');
  await page.getByRole('heading', { name: 'Rollout of revision 2' }).waitFor();
  await page.getByText('Awaits approval, wave 1 of 2').waitFor();
  await picture(page, 'rollout-awaits-approval');
  const first = await press(page, 'Approve wave');
  await first.getByRole('heading', { name: 'Approve wave 1 of 2 (5% of the principals) of revision 2?' }).waitFor();
  await picture(page, 'dialog-approve');
  await first.getByLabel('Reason').fill('looks right');
  await first.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByText('Awaits approval, wave 2 of 2').waitFor();
  await page.getByText('Approved by alice').waitFor();
  expect((await stage.revision('till', 2))?.metadata.annotations).toMatchObject({
    'edict.dev/approve-wave': '0',
    'edict.dev/approved-by': 'alice',
  });
  expect(served()).toStrictEqual([1, 1]);
  await picture(page, 'rollout-second-wave');
  const second = await press(page, 'Approve wave');
  await second.getByRole('button', { name: 'Approve' }).click();
  await page.getByRole('heading', { name: 'Rollout', exact: true }).waitFor();
  await page.getByText('Converged', { exact: true }).first().waitFor();
  expect(served()).toStrictEqual([2, 2]);
  expect(await page.evaluate('window.isThisVeryPage')).toBe(true);
});

test('pause and resume write what they say, with who and why', async () => {
  const page = await enter();
  const pause = await press(page, 'Pause');
  await pause.getByLabel('Reason').fill('end of the quarter');
  await pause.getByRole('button', { name: 'Pause' }).click();
  await page.getByText('Paused by alice: “end of the quarter”').waitFor();
  await page.getByText('Waits for a person').first().waitFor();
  expect((await stage.set('till')).spec.paused).toBe(true);
  await picture(page, 'paused');
  const resume = await press(page, 'Resume');
  await resume.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('button', { name: 'Pause' }).waitFor();
  expect((await stage.set('till')).spec.paused).toBe(false);
});

test('an abort wants a reason, and takes back what some were given', async () => {
  const page = await enter('approver', PAGE, { rollout: { waves: [{ principals: '5%', soak: '10m' }] } });
  await stage.edit('bob');
  await page.getByText('Watched, wave 1 of 2').waitFor();
  await picture(page, 'rollout-watched');
  const dialog = await press(page, 'Abort rollout');
  await dialog.getByRole('button', { name: 'Abort rollout' }).click();
  expect(await dialog.getByRole('alert').textContent()).toBe('Say why the rollout is to end');
  expect((await stage.revision('till', 2))?.metadata.annotations?.['edict.dev/abort']).toBeUndefined();
  await dialog.getByLabel('Reason').fill('wrong shop');
  await dialog.getByRole('button', { name: 'Abort rollout' }).click();
  await page.getByText('Failed', { exact: true }).first().waitFor();
  await stage.untilPhase('till', 3, 'Completed');
  await page.getByRole('heading', { name: 'Contents that are not tried again' }).waitFor();
  await picture(page, 'failed');
  expect((await stage.revision('till', 2))?.metadata.annotations?.['edict.dev/abort']).toContain('wrong shop');
  expect(served()).toStrictEqual([3, 3]);
});

test('undo goes back to the revision that was chosen, and ends when it is ended', async () => {
  const page = await enter('alice', PAGE, {});
  await stage.edit('bob');
  await stage.untilPhase('till', 2, 'Completed');
  await stage.edit('carol');
  await stage.untilPhase('till', 3, 'Completed');
  const dialog = await press(page, 'Undo');
  await dialog.getByRole('option', { name: /^1 · Edit/ }).waitFor({ state: 'attached' });
  await dialog.getByLabel('Revision').selectOption('1');
  await dialog.getByLabel('At once.').check();
  await picture(page, 'dialog-undo');
  await dialog.getByRole('button', { name: 'Go back' }).click();
  await page.getByText('Taken back to revision 1').waitFor();
  const back = await stage.untilPhase('till', 4, 'Completed');
  expect(back.spec).toMatchObject({ reason: 'Emergency', rollbackOf: 1 });
  expect((await stage.set('till')).spec.rollbackTo).toBe(1);
  await picture(page, 'undone');
  const end = await press(page, 'Undo');
  await end.getByLabel('End the undo to revision 1').check();
  await end.getByRole('button', { name: 'End the undo' }).click();
  await stage.untilPhase('till', 5, 'Completed');
  await page.getByText('Taken back to revision 1').waitFor({ state: 'detached' });
  expect((await stage.set('till')).spec.rollbackTo).toBeUndefined();
});

test('a dialog about a revision that is not the newest any more is refused and says so', async () => {
  const page = await enter('alice', PAGE, { rollout: { waves: [{ principals: '5%', soak: '10m' }] } });
  await stage.edit('bob');
  await page.getByText('Watched, wave 1 of 2').waitFor();
  const dialog = await press(page, 'Abort rollout');
  await dialog.getByLabel('Reason').fill('too late');
  await stage.edit('carol');
  await stage.untilPhase('till', 3, 'Soaking');
  await dialog.getByRole('button', { name: 'Abort rollout' }).click();
  await dialog.getByText('Look again before you go on').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  expect((await stage.revision('till', 3))?.metadata.annotations?.['edict.dev/abort']).toBeUndefined();
});

test('the history shows what came when and how fast, as a picture and as a table, and what changed', async () => {
  const page = await enter('alice', `${PAGE}/history`, {});
  for (const [n, who] of [
    [2, 'bob'],
    [3, 'carol'],
  ] as const) {
    await stage.edit(who);
    await stage.untilPhase('till', n, 'Completed');
  }
  const table = page.getByRole('table', { name: 'Revisions, newest first' });
  await table.getByRole('row', { name: /^3 ?serving Completed/ }).waitFor();
  expect(await table.getByRole('row').count()).toBe(4);
  const convergence = page.getByRole('img', { name: /^Convergence of 3 revisions: .+, last .+\.$/ });
  await convergence.waitFor();
  await page.getByText('Figures of convergence as a table').click();
  expect(
    await page
      .getByRole('table', { name: /^Convergence/ })
      .getByRole('row')
      .count(),
  ).toBe(4);
  await picture(page, 'history');
  await table.getByRole('link', { name: 'Compare 3 with 2' }).click();
  await page.getByRole('heading', { name: 'shop/orders' }).waitFor();
  const lines = page.getByLabel(/^Lines of mrn:policy:main/);
  expect(await lines.textContent()).toMatch(/-allow .*"bob".*\n\+allow .*"carol"/);
  await picture(page, 'compare');
  await page.getByLabel('From').selectOption('1');
  await page.getByText(/-allow .*"alice"/).waitFor();
  await page.goBack();
  await table.getByRole('link', { name: '2', exact: true }).click();
  await page.getByRole('heading', { name: 'Revision 2 of shop/till' }).waitFor();
  await page.getByRole('row', { name: /^shop\/orders/ }).waitFor();
  await picture(page, 'revision');
});
