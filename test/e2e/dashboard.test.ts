/** The dashboard in a real browser, against a real tracker with agents' sessions that say what the test tells them. */
import { afterAll, expect, it } from 'vitest';
import { closeBrowser } from '../support/browser.ts';
import { agentsOf, dashboardSite, IMAGE, overflow, signIn } from '../support/dashboard.ts';
import { requireTools } from '../support/tools.ts';
import { waitFor } from '../support/wait.ts';

const PAGES = ['jobs', 'hosts', 'order', 'image', 'policy', 'events'];

afterAll(closeBrowser);

requireTools(['chromium'])('the dashboard', () => {
  it('orders a job, watches it to its end, and cancels another', async () => {
    const kit = await dashboardSite();
    const [web1, web2, db1] = await agentsOf(kit, ['web-1', 'web-2', 'db-1']);
    const { page, faults } = await signIn(kit, 'admin');
    const order = async (hosts: string) => {
      await page.click('nav >> text=Order');
      await page.fill('#field-images', IMAGE);
      await page.fill('#field-hosts', hosts);
      await page.click('text=Check hosts');
      await page.locator('.matches').waitFor();
      const matches = await page.locator('.matches').innerText();
      await page.click('button.primary');
      await page.waitForURL(/#\/jobs\/[0-9a-f]{16}$/);
      return { matches, id: page.url().split('/').at(-1) ?? '' };
    };
    const figure = (name: string) => page.locator('.facts div', { hasText: name }).locator('dd').first().innerText();

    const { matches, id } = await order('web-*');
    expect(matches).toContain('2 hosts match, 0 have it, 0 cannot run it');
    await expect.poll(() => figure('Hosts')).toBe('0 of 2 ready');
    kit.say(web1!, id, { part: 0.5, feeders: [{ name: 'web-2', bytes: 700_000_000 }] });
    kit.say(web2!, id, { state: 'ready' });
    await waitFor('one to be ready', async () => (await figure('Hosts')) === '1 of 2 ready');
    await page.fill('.find', 'web-1');
    await page.keyboard.press('Enter');
    await page.locator('.shares >> text=web-2').waitFor();
    await expect.poll(() => page.locator('.image').innerText()).toContain('1.0 GB of 2.0 GB · 50 %');
    kit.say(web1!, id, { state: 'ready' });
    await page.locator('.headline .badge', { hasText: 'done' }).waitFor();
    expect(await kit.client.job(id)).toMatchObject({ state: 'done', counts: { ready: 2 } });

    const other = await order('db-1');
    kit.say(db1!, other.id, { part: 0.1 });
    await page.click('[data-action=pause]');
    await page.locator('.headline .badge', { hasText: 'paused' }).waitFor();
    await page.click('[data-action=resume]');
    await page.locator('.headline .badge', { hasText: 'running' }).waitFor();
    await page.click('[data-action=cancel]');
    expect(await kit.client.job(other.id), 'the first press only asks').toMatchObject({ state: 'running' });
    await page.click('text=Cancel for good?');
    await page.locator('.headline .badge', { hasText: 'cancelled' }).waitFor();
    expect(await kit.client.job(other.id)).toMatchObject({ state: 'cancelled' });
    await page.click('nav >> text=Jobs');
    await expect.poll(() => page.locator('table.jobs .badge').allInnerTexts()).toEqual(['cancelled', 'done']);
    expect(faults).toEqual([]);
  });

  it('names failures with their cause and the next step, and retries them', async () => {
    const kit = await dashboardSite();
    const agents = await agentsOf(kit, ['a-1', 'a-2', 'a-10']);
    const { id } = await kit.client.createJob({ images: [IMAGE] });
    const { page } = await signIn(kit, 'admin');
    await page.goto(`${kit.tracker.url}/#/jobs/${id}`);
    const error = { code: 'DISK_FULL', text: 'the disk is full', retryable: true };
    for (const agent of agents) kit.say(agent, id, { state: 'failed', part: 0.3, error });
    await page.locator('.cause').waitFor();
    await expect
      .poll(() => page.locator('.cause').innerText())
      .toMatch(/^3 × DISK_FULL\s+the disk is full\s+Next: Free space/);
    await page.click('[data-action=retry]');
    await page.locator('.headline .badge', { hasText: 'running' }).waitFor();
    await expect.poll(() => page.locator('.cause').count()).toBe(0);
    for (const agent of agents) kit.say(agent, id, { state: 'ready' });
    await page.locator('.headline .badge', { hasText: 'done' }).waitFor();
  });

  it('shows to readers, and has no button for them that the tracker would refuse', async () => {
    const kit = await dashboardSite();
    await agentsOf(kit, ['a']);
    const { id } = await kit.client.createJob({ images: [IMAGE] });
    const { page } = await signIn(kit, 'reader');
    await page.click('table.jobs a');
    await page.waitForURL(new RegExp(id));
    await page.locator('.facts dd', { hasText: '0 of 1 ready' }).waitFor();
    expect(await page.locator('[data-action]').count()).toBe(0);
    await page.click('nav >> text=Order');
    await page.locator('text=Ordering needs an admin token').waitFor();
    expect(await page.locator('form').count()).toBe(0);
  });

  it('turns away a token that is not for people, and one that was revoked', async () => {
    const kit = await dashboardSite();
    const { page } = await signIn(kit, 'reader');
    for (const { id, name } of await kit.client.tokens()) if (name === 'a person') await kit.client.revokeToken(id);
    await page.click('nav >> text=Hosts');
    await page.locator('#field-token').fill(kit.tracker.createToken('agent', 'an agent'));
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('[role=alert]').innerText()).toContain('for the role agent');
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  });

  it('asks for the hosts in sight only, wherever one scrolls, and shows what their cards do now', async () => {
    const kit = await dashboardSite();
    const agents = await agentsOf(
      kit,
      Array.from({ length: 300 }, (_, index) => `host-${index}`),
    );
    const { page, requests } = await signIn(kit, 'reader');
    await page.click('nav >> text=Hosts');
    const table = page.locator('.vtable');
    await table.locator('text=host-0').first().waitFor();
    expect(await table.locator('.vrow').count()).toBeLessThan(60);
    await table.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await table.locator('text=host-299').waitFor();
    const card = { business: { download: 9e6, upload: 0 }, own: { download: 3e6, upload: 0 } };
    agents[150]?.send({ type: 'traffic', sentBytes: 0, receivedBytes: 3e6, remoteBytes: 0, originBytes: 0, card });
    await page.locator('.above select').selectOption('business');
    await expect.poll(() => table.locator('.vrow').nth(1).innerText()).toMatch(/^host-150\s/);
    expect(await table.locator('.vrow').nth(1).innerText()).toMatch(/↓ 9\.0 MB\/s ↑ 0 B\/s\s+↓ 3\.0 MB\/s ↑ 0 B\/s/);
    await page.locator('.find').fill('host-29');
    await expect.poll(() => page.locator('.above .sub').innerText()).toBe('11 of 300 hosts');
    const asked = requests.filter((url) => url.includes('/v1/hosts'));
    expect(asked.every((url) => Number(new URL(url).searchParams.get('limit')) < 200)).toBe(true);
  });

  it('shows hostile names, labels and errors as the text they are', async () => {
    const kit = await dashboardSite();
    const hostile = '<img src=x onerror="window.pwned=1">';
    const agent = await kit.agent(hostile, { labels: { zone: hostile, note: hostile }, version: hostile });
    const { id } = await kit.client.createJob({ images: [IMAGE] });
    const error = { code: hostile, text: hostile, retryable: false };
    kit.say(agent, id, { state: 'failed', error, feeders: [{ name: hostile, bytes: 1 }] });
    const { page, requests } = await signIn(kit, 'admin');
    for (const path of [`jobs/${id}`, ...PAGES]) {
      await page.goto(`${kit.tracker.url}/#/${path}`);
      if (path.startsWith('jobs/')) await page.click('.names button');
      if (path === 'image') await page.fill('#field-image', IMAGE);
      if (path === 'image') await page.keyboard.press('Enter');
      const shows = !['jobs', 'order', 'policy'].includes(path);
      if (shows) await page.locator('main', { hasText: hostile }).waitFor();
      expect(await page.locator('main img').count(), path).toBe(0);
    }
    expect(await page.evaluate(() => 'pwned' in window)).toBe(false);
    expect(requests.filter((url) => url.endsWith('/x'))).toEqual([]);
  });

  it('can be used with the keyboard alone', async () => {
    const kit = await dashboardSite();
    const [a] = await agentsOf(kit, ['a', 'b']);
    const { page } = await signIn(kit, 'admin');
    const focused = () =>
      page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.id);
    const tabTo = async (wanted: string) => {
      for (let presses = 0; presses < 40; presses++) {
        await page.keyboard.press('Tab');
        if ((await focused()) === wanted) return;
      }
      throw new Error(`Tab never came to ${wanted}`);
    };
    await tabTo('Skip to content');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('main');
    await tabTo('Order');
    await page.keyboard.press('Enter');
    await tabTo('field-images');
    await page.keyboard.type(IMAGE);
    await tabTo('Check hosts');
    await page.keyboard.press('Enter');
    await expect.poll(focused).toBe('Order');
    await page.keyboard.press('Enter');
    await page.waitForURL(/#\/jobs\/[0-9a-f]{16}$/);
    const id = page.url().split('/').at(-1) ?? '';
    kit.say(a!, id, { part: 0.25 });
    await page.locator('.facts dd', { hasText: '0 of 2 ready' }).waitFor();
    await expect.poll(() => page.locator('canvas').getAttribute('aria-label')).toContain('each of 2 hosts');
    for (let presses = 0; presses < 40; presses++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement?.matches('canvas'))) break;
    }
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => page.locator('.host strong').innerText()).toBe('a');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => page.locator('.host strong').innerText()).toBe('b');
    await expect.poll(() => page.locator('.sr[aria-live]').innerText()).toMatch(/^b: waiting, 0 %/);
    await page.locator('[data-action=cancel]').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await page.locator('.headline .badge', { hasText: 'cancelled' }).waitFor();
  });

  it('asks nobody but the tracker, keeps the token out of addresses, and breaks no rule of its own policy', async () => {
    const kit = await dashboardSite();
    await agentsOf(kit, ['a']);
    const { page, faults, requests, token } = await signIn(kit, 'admin');
    for (const path of PAGES) {
      await page.goto(`${kit.tracker.url}/#/${path}`);
      await page.locator('main section').first().waitFor();
    }
    expect(faults.filter((fault) => !fault.includes('404'))).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(kit.tracker.url))).toEqual([]);
    expect(requests.filter((url) => url.includes(token))).toEqual([]);
    expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain(token);
  });

  it('speaks the language of the browser, light or dark as it is, and changes both', async () => {
    const kit = await dashboardSite();
    const { page } = await signIn(kit, 'reader', { locale: 'zh-CN', colorScheme: 'dark' });
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await expect.poll(() => page.locator('nav').innerText()).toContain('任务');
    expect(await page.getAttribute('html', 'lang')).toBe('zh-CN');
    const dark = await ground();
    await page.click('text=主题：自动');
    expect(await ground()).not.toBe(dark);
    await page.click('text=English');
    await expect.poll(() => page.locator('nav').innerText()).toContain('Jobs');
    await page.click('text=Theme: light');
    expect(await ground()).toBe(dark);
  });

  it('fits a phone', async () => {
    const kit = await dashboardSite();
    const [agent] = await agentsOf(kit, ['a-host-with-quite-a-long-name.rack-17.site.example.com', 'b']);
    const { id } = await kit.client.createJob({ images: [IMAGE], by: new Date(Date.now() + 3_600_000).toISOString() });
    kit.say(agent!, id, { part: 0.5 });
    const { page } = await signIn(kit, 'admin', {
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
    });
    for (const path of [...PAGES, `jobs/${id}`]) {
      await page.goto(`${kit.tracker.url}/#/${path}`);
      await page.locator('main section').first().waitFor();
      expect(await overflow(page), path).toBeLessThanOrEqual(0);
    }
  });

  it('goes on by itself when the tracker was away', async () => {
    const kit = await dashboardSite();
    await agentsOf(kit, ['a']);
    const { page } = await signIn(kit, 'reader');
    await page.locator('.dot.on').waitFor();
    await kit.restart();
    await kit.agent('b');
    await page.locator('.tile', { hasText: '2 hosts online' }).waitFor();
    await page.locator('.dot.on').waitFor();
  });
});
